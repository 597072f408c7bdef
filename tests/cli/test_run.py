"""What `emo run` says at the end and in between, and what `--quick` leaves out."""

import json
from html import unescape

import pytest
from command import emo_ok
from workplaces import write_prompts

from emotion_cli.cli.console import Console
from emotion_cli.job import highlights, outputs
from emotion_cli.pipeline import job_in_store
from emotion_cli.settings import resolve
from emotion_cli.stages.report import pages
from warehouse.catalog import Catalog
from warehouse.store import Store

CALM = ("--reference", "calm", "--neutral", "calm")


def job_of(workplace, **flags):
    store = Store(workplace.store)
    return job_in_store(
        store, resolve({"reference": "calm", "neutral": "calm", "store": workplace.store, **flags}), Console(quiet=True)
    )


def test_the_sentences_at_the_end_are_the_conclusion_of_the_report(workplace):
    job = job_of(workplace)
    conclusion = pages(job, workplace.store)[".md"].decode().split("## Conclusion\n")[1].split("\n## ")[0]
    said = [line.removeprefix("- ").replace("`", "") for line in unescape(conclusion).splitlines() if line.startswith("- ")]
    assert highlights.sentences(job) == said and len(said) > 2
    pairs = Catalog(job.store).dicts("cross_model_alignment_by_emotion", pooling=["last"], fit=["ridge"])
    assert said[-1].startswith(f"Of {len(pairs)} directions carried between models: ") and len(pairs) > 0


def test_one_model_is_told_of_by_its_emotions(workplace):
    said = highlights.sentences(job_of(workplace, model=["tiny-gpt2"]))
    assert said[-1].startswith("Of 1 pairs of emotions in one model: ")


def test_the_figure_that_answers_the_question_is_named_before_others(workplace):
    job = job_of(workplace)
    report = workplace.store / "report.html"
    drawn = {folder.kind for folder in outputs.figures(job) if folder.artifacts.manifest()}
    first, *others = highlights.to_open(job, report)
    assert first == report and [path.exists() for path in others] == [True, True]
    expected = ["more_than_words", "direction_quality"] if outputs.WORDS in drawn else ["direction_quality", "aligned_cosine"]
    assert all(path.name.startswith(kind) for path, kind in zip(others, expected, strict=True))


def test_first_results_have_a_line_an_emotion(workplace):
    lines = highlights.first_results(job_of(workplace), "mine", "tiny-gpt2")
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
    assert (
        "directions separate their emotion better than the best layer of chance does" in ran.err
        and "open: " in ran.err
        and "report.html" in ran.err
    )
    assert ran.err.index("first results") < ran.err.index("report: ")


@pytest.mark.slow
def test_a_quick_run_takes_one_set_and_one_model_where_none_is_given(tmp_path, cache):
    plan = json.loads(emo_ok("run", "--quick", "--dry-run", "--format", "json", "--store", tmp_path, "--cache", cache).out)
    extracted = [step["subject"] for step in plan if step["stage"] == "extract"]
    assert extracted == ["baseline, smollm2-135m"]
