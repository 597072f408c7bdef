"""The measurement of a GPU, all but the GPU: its parts run on the CPU with a tiny model."""

import time
from functools import partial

import pytest
import torch

from bench import gpu, stand_in
from bench.tokens import copies, saved

VOCABULARY = 64
TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 64,
    "vocab_size": VOCABULARY,
}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    few = {name: [[1, *(token % VOCABULARY for token in row[1:20])] for row in rows[:4]] for name, rows in saved().items()}
    sets = gpu._sets(few, VOCABULARY)
    return gpu.Job(stand_in.save(folder / "model", stand_in.SMOLLM2 | TINY), folder, sets, "cpu", 1, 1)


def test_without_a_gpu_one_line_says_so(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.run(None) == ""
    assert capsys.readouterr().out.count("\n") == 1


def test_extraction_gives_the_states_of_the_other_recipes(job):
    rows = list(gpu.extraction(job))
    assert [row["set"] for row in rows] == ["extended", "long", "extended x 16"]
    assert all(float(away) < 1e-5 for row in rows for away in row["from b/c"].split("/"))
    assert [row["a s"] == "-" for row in rows] == [False, False, True]


@pytest.mark.parametrize(
    ("rows", "column", "values"),
    [
        (gpu.formats, "format", gpu.FORMATS),
        (gpu.budgets, "tokens a batch", (64, 1024)),
        (partial(gpu.kernels, names=("sdpa", "eager")), "kernel", ("sdpa", "eager")),
    ],
)
def test_what_is_measured_is_proven(job, rows, column, values, monkeypatch):
    monkeypatch.setattr(gpu, "BUDGETS", (64, 1024))
    job = job._replace(sets={name: ids for name, ids in job.sets.items() if name == "extended x 16"})
    measured = list(rows(job))
    assert {row[column] for row in measured} == set(values)
    assert all(float(row["error"]) <= float(row["allowed"]) for row in measured)


def test_a_part_that_fails_says_why_and_keeps_its_rows(job):
    job = job._replace(sets={"extended": job.sets["extended"]})
    rows, fault = gpu._apart(partial(gpu.kernels, names=("eager", "none")), job, time.monotonic() + gpu.LIMIT)
    assert len(rows) == 1
    assert fault == "KeyError: 'none'"
    assert "KeyError" in gpu._section("Kernels", [(rows, fault)])


def test_no_part_begins_after_the_end(job):
    assert gpu._apart(gpu.kernels, job, time.monotonic() - 1) == ([], "the time was used up")


def test_copies_share_the_first_token_only():
    ids = saved()["extended"]
    rows = copies(ids, 2, stand_in.SMOLLM2["vocab_size"])
    assert list(map(len, rows)) == 2 * list(map(len, ids))
    assert {row[0] for row in rows} == {1}
    assert not {tuple(row[:3]) for row in rows[: len(ids)]} & {tuple(row[:3]) for row in rows[len(ids) :]}
