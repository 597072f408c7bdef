"""`emo models check` by the command line: the verdict is printed, kept, listed, and heeded by extract."""

import json

import tiny
from command import emo, emo_ok
from workplaces import write_prompts

from emotion_cli.models.sources.finding import find
from warehouse.catalog import Catalog
from warehouse.store import Store


def test_a_verdict_is_kept_and_heeded(tmp_path):
    folder = tiny.save_model(tmp_path / "tiny", "gpt2")
    where = ["--store", tmp_path / "store", "--cache", tmp_path / "cache"]
    emo_ok("datasets", "import", write_prompts(tmp_path / "mine.jsonl"), "--dataset", "mine", *where[:2])
    ran = emo_ok("models", "check", folder, "--format", "json", *where)
    rows = json.loads(ran.out)
    assert len(rows) == 10 and all(row["passed"] and row["model"] == "tiny" for row in rows)
    assert f"next: emo run -m {folder}" in ran.plain
    stored = Catalog(Store(tmp_path / "store")).dicts("model_checks")
    assert {row["check_name"]: row["value"] for row in stored} == {row["check"]: row["value"] for row in rows}
    assert {row["dtype"] for row in stored} == {"float32"}

    _fail_one(Store(tmp_path / "store"), tmp_path)
    listed = {row["model"]: row["check"] for row in json.loads(emo_ok("models", "list", "--format", "json", *where[:2]).out)}
    assert listed["tiny"] == "float32: failed padding_invariance" and listed["gemma3-270m"] == "not checked"
    ran = emo("extract", "-d", "mine", "-m", folder, "--force", *where)
    assert ran.code == 4
    assert "tiny in float32 failed its check: padding_invariance" in ran.err
    assert f"next: emo models check {folder}" in ran.plain
    # another number format is another verdict
    emo_ok("extract", "-d", "mine", "-m", folder, "--dtype", "bfloat16", *where)
    emo_ok("models", "check", folder, *where)
    emo_ok("extract", "-d", "mine", "-m", folder, "--force", *where)


def _fail_one(store: Store, root):
    source = find(str(root / "tiny"), cache=root / "cache")
    (partition,) = store.partitions("model_checks", model="tiny", weights_sha256=source.weights_sha256)
    rows = partition.read(partition.table.file_column_names)
    passed = [name != "padding_invariance" for name in rows["check_name"].to_pylist()]
    rows = rows.set_column(rows.schema.get_field_index("passed"), rows.schema.field("passed"), [passed])
    partition.commit([partition.write([rows])])


def test_a_model_at_fault_is_a_failed_check_and_is_not_extracted(tmp_path):
    """A tokenizer that has more words than the model has embeddings, as of another model."""
    folder = tiny.save_model(tmp_path / "tiny", "llama", vocab_size=10)
    where = ["--store", tmp_path / "store", "--cache", tmp_path / "cache"]
    emo_ok("datasets", "import", write_prompts(tmp_path / "mine.jsonl"), "--dataset", "mine", *where[:2])
    # not checked before: what costs little is checked by extract itself
    ran = emo("extract", "-d", "mine", "-m", folder, *where)
    assert ran.code == 4 and "vocabulary (largest token id" in ran.err
    ran = emo("models", "check", folder, "--format", "json", *where)
    assert ran.code == 4
    assert [row["check"] for row in json.loads(ran.out) if not row["passed"]] == ["vocabulary"]
    assert "1 checks failed: tiny: vocabulary" in ran.err
