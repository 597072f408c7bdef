"""`emo report` over a whole store: sets with another reference, and other languages, replace nothing."""

import json
import shutil
from pathlib import Path

from command import emo_ok

from emotion_cli.settings import LEAST
from warehouse.store import Store
from warehouse.verify import verify


def test_a_set_with_another_reference_does_not_stop_the_report_of_the_others(workplace, tmp_path):
    store = shutil.copytree(workplace.store, tmp_path / "store")
    rows = [
        {"text": f"{start} {topic} .", "emotion": emotion, "topic": topic}
        for topic in ("today", "late", "a bus", "the bus")
        for emotion, start in (("joy", "thank you so much"), ("neutral", "the bus is"), ("rage", "I am furious"))
    ]
    (tmp_path / "plain.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    emo_ok("datasets", "import", tmp_path / "plain.jsonl", "--dataset", "plain", "--store", store)
    options = ("--store", store, "--cache", workplace.cache, "--draws", str(LEAST["draws"]), "--no-controls")
    emo_ok("run", "-d", "plain", "-m", workplace.models[0], *options)
    before = (store / "report.md").read_bytes()
    ran = emo_ok("report", "--store", store, "--draws", str(LEAST["draws"]))
    assert "mine: left out, none of its prompts is labelled 'neutral'" in ran.plain
    assert (store / "report.md").read_bytes() == before  # that of the set with another reference
    (written,) = [line for line in ran.out.splitlines() if line.endswith(".md")]
    page = Path(written).read_text()
    assert "made of plain\n" in page and "| mine |" not in page


def test_a_report_in_another_language_stands_beside_the_first(workplace, tmp_path):
    store = shutil.copytree(workplace.store, tmp_path / "store")
    calm = ("--reference", "calm", "--neutral", "calm", "--store", store)
    before = (store / "report.html").read_bytes()
    printed = emo_ok("report", *calm, "--lang", "ja").out.splitlines()
    assert printed == [str(store / f"reports/lang=ja.{ending}") for ending in ("md", "html")]
    assert "## 概要\n" in (store / "reports/lang=ja.md").read_text() and (store / "report.html").read_bytes() == before
    assert verify(Store(store)) == []
