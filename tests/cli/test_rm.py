"""`emo rm` as a person runs it: lists, asks, refuses to guess."""

import json
import os
import pty
import subprocess

import made_elsewhere as made
import pytest
from command import arguments, emo, emo_ok, environment

from emotion_cli.exchange.importing import import_activations
from emotion_cli.job.datasets import ensure_imported
from warehouse.store import Store


@pytest.fixture
def place(tmp_path):
    for seed, model in enumerate(("a/one", "two")):
        table = made.table_of(made.rows_of(layers=(1, 2), seed=seed))
        import_activations(Store(tmp_path / "store"), [table], dataset="mine", model=model, create_dataset=True)
    return tmp_path


def models(place):
    return {partition.keys["model"] for partition in Store(place / "store").partitions("activations")}


def answered(place, answer, *words):
    """The command on a terminal, on which somebody types."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(arguments(*words), stdin=theirs, capture_output=True, cwd=place, env=environment(), check=False)
    os.close(theirs)
    os.close(ours)
    return done.returncode, done.stderr.decode()


def test_it_lists_asks_and_removes(place):
    ran = emo("rm", "-m", "a/one", cwd=place)
    assert ran.code == 2 and "no terminal is available to confirm it" in ran.err and "emo rm -m a/one --yes" in ran.plain
    ran = emo_ok("rm", "-m", "a/one", "--dry-run", "--format", "json", cwd=place)
    rows = json.loads(ran.out)
    assert [row["place"].split("/")[0] for row in rows] == ["layer_profiles", "extractions", "activations"]
    assert [row["rows"] for row in rows] == [2, 1, 24] and all(row["files"] == 2 and row["bytes"] > 1000 for row in rows)
    assert "27 rows in 6 files" in ran.err and "would be removed" in ran.err
    code, err = answered(place, "n", "rm", "-m", "a/one")
    assert code == 0 and "nothing was removed" in err
    assert models(place) == {"a/one", "two"}
    code, err = answered(place, "y", "rm", "-m", "a/one")
    assert code == 0 and "removed 27 rows" in err
    assert models(place) == {"two"}
    emo_ok("verify", cwd=place)
    emo_ok("rm", "-d", "mine", "--yes", "-q", cwd=place)
    assert not models(place) and "mine" not in emo_ok("datasets", "list", cwd=place).out


def test_a_shipped_dataset_comes_back(place):
    ensure_imported(Store(place / "store"), "baseline")
    ran = emo_ok("rm", "-d", "baseline", "--yes", cwd=place)
    assert "baseline ships with emo" in ran.err and not Store(place / "store").partitions("prompts", dataset="baseline")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "say what to remove"),
        (["-d", "nobody", "--yes"], 2, "--dataset: 'nobody' is not one of"),
        (["-m", "a/oen", "--yes"], 2, "did you mean a/one?"),
        (["-d", "mine", "-d", "heldout", "--yes"], 3, "heldout has no data in this store"),
        (["--extraction", "fff", "--yes"], 3, "no extraction's id begins with fff"),
        (["-m", "two", "--prompts-version", "a", "--yes"], 2, "--prompts-version needs exactly one --dataset"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_exit_codes(place, words, code, said):
    ran = emo("rm", *words, cwd=place)
    assert (ran.code, ran.out) == (code, "") and said in ran.err
    assert models(place) == {"a/one", "two"}
