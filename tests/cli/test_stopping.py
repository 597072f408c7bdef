"""Signals to a real extraction: the first lets the part be finished, the second stops at once; both say how to go on."""

import signal
import subprocess

import pytest
from command import arguments, emo_ok, environment

from warehouse.store import Store
from warehouse.verify import verify

SIGNALLED = (
    "import signal, emotion_cli.engines.local as e, emotion_cli.models.reader as x; e.PART_BYTES = 4 * 512; "
    "run, calls = x.pooled_activations, []; "
    "x.pooled_activations = lambda *a, **k: (calls.append(1), len(calls) == {call} and "
    "[signal.raise_signal(number) for number in {signals}], run(*a, **k))[2]; "
    "from emotion_cli.cli.app import main; main()"
)
"""While a part of that number is made, the process gets signals: no clock decides when."""


def parts(store):
    return [path.name for path in store.glob("_emo/activations/**/part-*.parquet")]


def signalled(workplace, store, *signals, call):
    """An extraction in small parts that gets these signals while it makes its part number `call`: exit code, stderr."""
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", store)
    command = arguments("extract", "-d", "mine", "-m", workplace.models[0], "--store", store, "--cache", workplace.cache)
    command[2] = SIGNALLED.format(call=call, signals=[int(number) for number in signals])
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_sigterm_stops_at_the_end_of_the_part(workplace, tmp_path):
    code, err = signalled(workplace, tmp_path, signal.SIGTERM, call=2)
    assert code == 130, err
    assert "stopping at the end of this part" in err
    assert "to resume: emo extract -d mine -m " in err
    assert len(parts(tmp_path)) == 2
    assert verify(Store(tmp_path)) == []
    (partition,) = Store(tmp_path).folders("activations")
    assert len(partition.progress()) == len(parts(tmp_path))
    again = emo_ok(
        "extract",
        "-d",
        "mine",
        "-m",
        workplace.models[0],
        "--store",
        tmp_path,
        "--dry-run",
        "--format",
        "csv",
        "--cache",
        workplace.cache,
    )
    assert "incomplete" in again.out


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_a_second_signal_stops_at_once(workplace, tmp_path, number):
    # the first part is finished by then
    code, err = signalled(workplace, tmp_path, number, number, call=2)
    assert code == 130, err
    assert "to resume: emo extract" in err
    assert "Traceback" not in err and "ignored" not in err
    assert len(parts(tmp_path)) == 1 and not list(tmp_path.rglob(".tmp-*"))
    assert verify(Store(tmp_path)) == []
