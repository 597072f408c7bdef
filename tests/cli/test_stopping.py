"""Signals to a real extraction: the first lets the part be finished, the second stops at once; both say how to go on."""

import signal
import subprocess
import time

import pytest
from command import arguments, emo_ok, environment

from warehouse.store import Store
from warehouse.verify import verify

SLOW = (
    "import time, emotion_cli.stages.extract as e, emotion_cli.models.extraction as x; e.PART_BYTES = 4 * 512; "
    "run = x.pooled_activations; x.pooled_activations = lambda *a, **k: (time.sleep({seconds}), run(*a, **k))[1]; "
    "from emotion_cli.cli.app import main; main()"
)


def parts(store):
    return [path.name for path in store.glob("activations/**/part-*.parquet")]


def signalled(workplace, store, *signals, seconds, wait=0.2):
    """A run in small parts of two slow pieces that gets these signals `wait` seconds behind its first part: exit code, stderr."""
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", store)
    command = arguments("extract", "-d", "mine", "-m", workplace.models[0], "--store", store, "--cache", workplace.cache)
    command[2] = SLOW.format(seconds=seconds)
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        for _ in range(900):
            if len(parts(store)) >= 1 or process.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(wait)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.3)
        _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_sigterm_stops_at_the_end_of_the_part(workplace, tmp_path):
    code, err = signalled(workplace, tmp_path, signal.SIGTERM, seconds=1)
    assert code == 130, err
    assert "stopping at the end of this part" in err
    assert "to go on: emo extract -d mine -m " in err
    assert len(parts(tmp_path)) >= 2
    assert verify(Store(tmp_path)) == []
    (partition,) = Store(tmp_path).folders("activations")
    assert len(partition.progress()) == len(parts(tmp_path))
    again = emo_ok("extract", "-d", "mine", "-m", workplace.models[0], "--store", tmp_path, "--dry-run", "--format", "csv",
                   "--cache", workplace.cache)  # fmt: skip
    assert "begun, not finished" in again.out


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_a_second_signal_stops_at_once(workplace, tmp_path, number):
    # a piece of the second part is written by then, and the other one is being computed
    code, err = signalled(workplace, tmp_path, number, number, seconds=3, wait=4)
    assert code == 130, err
    assert "to go on: emo extract" in err
    assert "Traceback" not in err and "ignored" not in err
    assert not list(tmp_path.rglob(".tmp-*"))
    assert verify(Store(tmp_path)) == []
