"""What makes another extraction, what is only added to one, and which extractions are never compared."""

import json
import os
import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_cli import pipeline
from emotion_cli.engines.parts import Group, as_set, group_of, work
from emotion_cli.errors import UsageError
from emotion_cli.job import extractions
from emotion_cli.job.comparisons import SETTINGS, refuse_other_vectors
from emotion_cli.job.datasets import Version
from emotion_cli.job.listener import Silence
from emotion_cli.models.sources import fingerprint
from emotion_cli.models.sources.finding import ModelSource
from emotion_cli.settings import Settings
from emotion_cli.stages import cross_model
from warehouse.store import FileEntry, Store, table_of

VERSION = Version("mine", "train", "p" * 64)


@pytest.fixture
def source(tmp_path):
    return ModelSource("m", tmp_path, None, "w" * 64, "t" * 64, "m", tmp_path)


def id_of(settings, version, source):
    return extractions.planned_extraction(settings, version, source).extraction_id


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "bfloat16"},
        {"bos": "never"},
        {"chat_template": True},
        {"max_length": 9},
        {"truncate": True},
    ],
    ids=str,
)
def test_a_changed_setting_is_another_extraction(settings, source, change):
    assert id_of(replace(settings, **change), VERSION, source) != id_of(settings, VERSION, source)


def test_changed_prompts_weights_tokenizer_or_schema_are_another_extraction(settings, source, monkeypatch):
    before = id_of(settings, VERSION, source)
    others = {
        id_of(settings, replace(VERSION, prompts_sha256="q" * 64), source),
        id_of(settings, VERSION, replace(source, weights_sha256="v" * 64)),
        id_of(settings, VERSION, replace(source, tokenizer_sha256="u" * 64)),
    }
    monkeypatch.setattr(extractions, "SCHEMA_VERSION", extractions.SCHEMA_VERSION + 1)
    others.add(id_of(settings, VERSION, source))
    assert len(others - {before}) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"layer": (1,)},
        {"pooling": ("mean",)},
        {"batch_tokens": 7},
        {"device": "cpu"},
        {"attention": "eager"},
        {"dtype": "float32"},
        {"seed": 3},
    ],
    ids=str,
)
def test_more_layers_poolings_and_other_batches_are_the_same_extraction(settings, source, change):
    assert id_of(replace(settings, **change), VERSION, source) == id_of(settings, VERSION, source)


def test_hashes_follow_the_bytes_of_weights_and_tokenizer(tmp_path):
    folder, cache = tmp_path / "model", tmp_path / "cache"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"hidden_size": 4, "transformers_version": "5"}))
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")

    def hashes():
        return fingerprint.weights_sha256(folder, cache), fingerprint.tokenizer_sha256(folder, cache)

    seen = [hashes()]
    # transformers looks at the version that wrote a config, too
    (folder / "config.json").write_text(json.dumps({"hidden_size": 4, "transformers_version": "6"}))
    seen.append(hashes())
    (folder / "config.json").write_text(json.dumps({"hidden_size": 8, "transformers_version": "6"}))
    seen.append(hashes())
    (folder / "model.safetensors").write_bytes(b"weighty")
    seen.append(hashes())
    (folder / "modeling_mine.py").write_text("x = 1")
    seen.append(hashes())
    (folder / "parts").mkdir()
    (folder / "parts/norms.py").write_text("x = 1")
    seen.append(hashes())
    assert len({weights for weights, _ in seen}) == 6 and len({tokenizer for _, tokenizer in seen}) == 1
    for name in (
        "tokenizer.json",
        "vocab.txt",
        "spiece.model",
        "sentencepiece.bpe.model",
        "tekken.json",
        "chat_template.jinja",
        "qwen.tiktoken",
        "a-file-that-nobody-has-thought-of",
        "additional_chat_templates/tools.jinja",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{ }")
        seen.append(hashes())
    assert len({tokenizer for _, tokenizer in seen}) == 10 and seen[-1][0] == seen[5][0]
    for name in ("README.md", "pytorch_model.bin", ".gitattributes", "prompts.csv"):
        (folder / name).write_text("not read")
        assert hashes() == seen[-1]


def test_a_file_whose_time_is_set_back_is_hashed_again(tmp_path):
    path, cache = tmp_path / "weights", tmp_path / "cache"
    path.write_bytes(b"old weights")
    before, status = fingerprint.file_sha256(path, cache), path.stat()
    path.write_bytes(b"new weights")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size and fingerprint.file_sha256(path, cache) != before


# what is left of an interrupted extraction

PAIRS = st.dictionaries(
    st.sampled_from(["last", "mean"]), st.lists(st.integers(0, 5), min_size=1, unique=True).map(sorted), min_size=1
)


def chunks(group):
    size = max(1, 12 // len(group.pairs))
    return [range(start, min(start + size, 7)) for start in range(0, 7, size)]


@given(
    wanted=PAIRS,
    began=PAIRS,
    held=st.dictionaries(st.just("last"), st.just([0])),
    stop=st.integers(0, 20),
    recipe=st.sampled_from(["this", "other"]),
)
def test_no_pair_is_lost_or_done_twice(wanted, began, held, stop, recipe):
    first = work(began, held, [], recipe, chunks)
    names = [group.part(chunk) for group in first.groups for chunk in chunks(group)]
    noted = [FileEntry(name, 1, 1, "", part=name, recipe=recipe) for name in names[:stop]]
    again = work(wanted, held, noted, "this", chunks)
    ready = [group_of(entry.part) for entry in again.ready]
    computed = [pair for group in [*dict.fromkeys(ready), *again.groups] for pair in group.pairs]
    assert len(computed) == len(set(computed)) and not set(computed) & as_set(held)
    assert as_set(again.pairs(held)) == set(computed) | as_set(held) >= as_set(wanted)
    used = {*again.finished, *(entry.part for entry in [*again.ready, *again.left])}
    assert used <= {entry.part for entry in noted}
    # going on with what was begun computes only what is not finished
    assert all(recipe == "this" for _ in again.finished)
    if began == wanted and recipe == "this":
        to_do = [group.part(chunk) for group in again.groups for chunk in chunks(group)]
        assert set(to_do) - set(again.finished) == set(names[stop:])


def test_parts_that_were_not_asked_for_wait():
    group, other = Group(("last",), (1, 2, 3)), Group(("mean",), (1, 2, 3))
    noted = [FileEntry("f", 1, 1, "", part=other.part(chunks(other)[0]), recipe="this")]
    found = work({"last": [1, 2, 3]}, {}, noted, "this", chunks)
    assert found.left == noted and found.groups == [group] and not found.ready


# what may be compared


@pytest.fixture
def store(workplace, tmp_path):
    shutil.copytree(workplace.store, tmp_path / "store", ignore=shutil.ignore_patterns("figures"))
    return Store(tmp_path / "store")


def job(store, **changes):
    chosen = Settings(store=store.root, reference="calm", neutral="calm", draws=50, model=("tiny-gpt2", "tiny-neox"))
    return pipeline.job_in_store(store, replace(chosen, **changes), Silence())


def between_models(asked):
    return [task for task in cross_model.tasks(asked) if not task.subject.endswith("with itself")]


def rewrite(store, **changes):
    """The row of one extraction, as if it had been made with other settings."""
    partition = store.partitions("extractions", model="tiny-neox")[0]
    row = partition.read(partition.table.file_column_names).to_pylist()[0] | changes
    manifest = partition.manifest()
    partition.commit(
        [partition.write([table_of("extractions", {name: [value] for name, value in row.items()})])], manifest.inputs
    )


DIFFERENT = {
    "prompts_sha256": {"prompts_sha256": "0" * 64},
    "dtype": {"dtype": "bfloat16"},
    "bos": {"bos": "never"},
    "chat_template": {"chat_template": True},
    "truncated_at": {"max_length": 4, "n_truncated": 3},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_extractions_made_unlike_are_refused_with_both_settings(store, name):
    alike = job(store)
    assert len(between_models(alike)) == 1
    rewrite(store, **DIFFERENT[name])
    with pytest.raises(UsageError, match=rf"not comparable: {name} is .* in tiny-gpt2 \(.* and .* in tiny-neox \(") as refused:
        cross_model.tasks(alike)
    assert refused.value.hint


def test_a_limit_that_cut_no_prompt_does_not_matter_and_what_is_not_known_is_said(store):
    rewrite(store, max_length=400, n_truncated=0, dtype=None)
    said = []
    asked = job(store)
    asked.listener.note = said.append
    assert len(between_models(asked)) == 1
    assert said == ["mine, tiny-gpt2 and tiny-neox: dtype of one of them is unknown; assumed equal"]


def test_vectors_that_average_other_layers_are_refused(store):
    alone = job(store, model=("tiny-neox",), over_layers="resid_pre")
    pipeline.run(alone, pipeline.stages("vectors", "vectors"))
    a, b = job(store).with_activations
    with pytest.raises(UsageError, match=r"over_layers is resid_post in tiny-gpt2 .* and resid_pre in tiny-neox"):
        refuse_other_vectors(store, a, b)
