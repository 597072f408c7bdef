"""What `emo run` says at the end and in between, and what `--quick` leaves out."""

import json

import pytest
from command import emo_ok
from workplaces import write_prompts

from emotion_cli.cli.console import Console
from emotion_cli.job import found
from emotion_cli.pipeline import job_in_store
from emotion_cli.settings import resolve
from warehouse.catalog import Catalog
from warehouse.store import Store

CALM = ("--reference", "calm", "--neutral", "calm")


def job_of(workplace, **flags):
    store = Store(workplace.store)
    return job_in_store(
        store, resolve({"reference": "calm", "neutral": "calm", "store": workplace.store, **flags}), Console(quiet=True)
    )


def test_the_two_sentences_count_what_the_tables_hold(workplace):
    job = job_of(workplace)
    within, across = found.sentences(job)
    rows = {
        (row["model"], row["emotion"]): row
        for row in Catalog(job.store).dicts("best_layers_by_emotion", pooling=["last"], method=["mean_difference"])
        if row["control"] is None
    }
    beyond = sum(row["auroc"] > row["max_null_high"] for row in rows.values())
    assert f" in {beyond} of {len(rows)} cases (AUROC " in within and len(rows) == 6
    areas = sorted(row["auroc"] for row in rows.values())
    assert f"(AUROC {areas[0]:.2f} to {areas[-1]:.2f}" in within
    pairs = Catalog(job.store).dicts("cross_model_alignment_by_emotion", pooling=["last"], fit=["ridge"])
    assert across.startswith("Directions carried between two models: ")
    assert across.endswith(f"(of {len(pairs)} cases).") and len(pairs) > 0


def test_one_model_is_told_of_by_its_emotions(workplace):
    _, within = found.sentences(job_of(workplace, model=["tiny-gpt2"]))
    assert within.startswith("Two emotions in one model: ") and within.endswith("(of 1 case).")


def test_first_results_have_a_line_an_emotion(workplace):
    lines = found.first_results(job_of(workplace), "mine", "tiny-gpt2")
    assert [line.partition(":")[0] for line in lines] == ["rage", "thanks"]
    assert all("AUROC" in line and "chance at its best" in line for line in lines)


def test_a_quick_run_has_few_draws_and_no_controls(workplace, tmp_path):
    store = tmp_path / "store"
    emo_ok("datasets", "import", write_prompts(tmp_path / "mine.jsonl"), "--dataset", "mine", "--store", store)
    ran = emo_ok(
        "run",
        "--quick",
        "-d",
        "mine",
        "-m",
        workplace.models[0],
        *CALM,
        "--store",
        store,
        "--cache",
        workplace.cache,
        EMO_DRAWS="",
    )
    catalog = Catalog(Store(store))
    assert {row["model"] for row in catalog.dicts("extractions")} == {"tiny-gpt2"}
    assert {row["dataset"] for row in catalog.dicts("extractions")} == {"mine"}
    # labels of six topics have few orders: no more draws than asked for
    assert max(row["n_draws"] or 0 for row in catalog.dicts("vector_quality")) <= 200
    assert "first results, mine, tiny-gpt2:" in ran.err
    assert "At its best layer a direction" in ran.err and "open: " in ran.err and "report.html" in ran.err
    assert ran.err.index("first results") < ran.err.index("report: ")


@pytest.mark.slow
def test_a_quick_run_takes_one_set_and_one_model_where_none_is_given(tmp_path, cache):
    plan = json.loads(emo_ok("run", "--quick", "--dry-run", "--format", "json", "--store", tmp_path, "--cache", cache).out)
    extracted = [step["subject"] for step in plan if step["stage"] == "extract"]
    assert extracted == ["baseline, smollm2-135m"]
