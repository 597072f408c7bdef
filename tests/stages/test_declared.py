"""What a stage declares to read and write is what its tasks read and write."""

import json
from types import SimpleNamespace

from command import emo_ok

from emotion_cli import pipeline
from emotion_cli.job.listener import Silence
from emotion_cli.settings import Settings
from emotion_cli.stages import STAGES, plot
from warehouse.store import Store


def test_stages_read_and_write_the_tables_that_they_declare(workplace, tmp_path, monkeypatch):
    """Every stage does its work for the first time: on three models, and on a second dataset that shares prompts."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    # what is in a figure does not matter here, and drawing takes longest
    svg = b'<svg id="x" viewBox="0 0 72 72" data-kind="relative_norm"><title>a</title><desc>b</desc></svg>'
    drawn = SimpleNamespace(files=lambda: {"svg": svg}, missing="")
    monkeypatch.setattr(plot, "DRAW", dict.fromkeys(plot.DRAW, lambda *_: {"x": drawn}))
    root = tmp_path / "store"
    (tmp_path / "part.jsonl").write_text("\n".join(workplace.prompts.read_text().splitlines()[:9]) + "\n")
    for dataset, path in (("whole", workplace.prompts), ("part", tmp_path / "part.jsonl")):
        emo_ok("datasets", "import", path, "--dataset", dataset, "--store", root)
    # other texts, so that models can be steered on them
    rows = [json.loads(line) for line in workplace.prompts.read_text().splitlines()[:9]]
    tests = [json.dumps({**row, "text": f"today {row['text']}"}) for row in rows]
    (tmp_path / "tests.jsonl").write_text("\n".join(tests) + "\n")
    emo_ok("datasets", "import", tmp_path / "tests.jsonl", "--dataset", "tests", "--role", "test", "--store", root)
    # by their first tokens, as the small tokenizers know them
    (tmp_path / "words.toml").write_text('thanks = ["thank", "much"]\nrage = ["furious"]\n')
    settings = Settings(
        store=root,
        cache=workplace.cache,
        words=tmp_path / "words.toml",
        draws=100,
        reference="calm",
        neutral="calm",
        dataset=("whole", "part", "tests"),
        model=tuple(map(str, workplace.models)),
    )
    job = pipeline.job_with_models(Store(root), settings, Silence())
    job.extractions = [
        extraction for extraction in job.extractions if extraction.dataset == "whole" or extraction.model == "tiny-gpt2"
    ]

    def files():
        return {path for path in root.rglob("*") if path.is_file() and not path.name.startswith("_")}

    def tables(paths):
        return {path.relative_to(root).parts[0].split(".")[0] for path in paths}

    for stage in STAGES:
        before, tasks = files(), stage.tasks(job)
        assert pipeline.run(job, [stage]).done
        assert tables(path for task in tasks for path in task.reads) == set(stage.reads), stage
        assert tables(files() - before) == set(stage.writes) >= tables(task.writes for task in tasks), stage
