"""After each extraction some of the stored rows are computed again, one prompt at a time: what is wrong is not committed."""

import numpy as np
import pytest
import tiny
from command import emo, emo_ok
from oracle import Oracle

import emotion_cli.engines.local as local
from emotion_cli.engines import parts, sample
from emotion_cli.models import pooling
from emotion_cli.models.loading import load
from emotion_cli.models.packing import proof
from emotion_cli.models.reader import Reader
from emotion_cli.models.sources.finding import find
from warehouse.catalog import Catalog
from warehouse.store import Partition, Store
from warehouse.verify import verify


@pytest.fixture
def place(workplace, tmp_path):
    """Words of a command that extracts into a store of its own, which holds the prompts."""
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", tmp_path)
    return ["extract", "-d", "mine", "-m", workplace.models[0], "--store", tmp_path, "--cache", workplace.cache], Store(tmp_path)


def row_of(store):
    (row,) = Catalog(store).dicts("extractions")
    return row


def test_what_came_of_the_sample_is_kept(place):
    words, store = place
    ran = emo_ok(*words)
    assert "8 prompts computed again singly, stored rows differ by at most" in ran.err
    row = row_of(store)
    assert row["n_recomputed"] == 8 and 0 <= row["recomputed_error"] < 8e-6


def test_rows_of_one_batch_that_are_wrong_are_not_committed(place, monkeypatch):
    """As a fault would have it that the proof did not meet: it shows from the second part on."""
    words, store = place
    monkeypatch.setattr(local, "PART_BYTES", 4 * 512)
    forward, ran = pooling._forward, []

    def faulty(*given, **options):
        ran.append(1)
        rows, norms = forward(*given, **options)
        return rows * (1 + 1e-3) if len(ran) > 1 else rows, norms

    proving = proof.Trial.prove

    def proven(*given, **options):
        found = proving(*given, **options)
        ran.clear()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(pooling, "_forward", faulty)
        patched.setattr(proof.Trial, "prove", proven)
        failed = emo(*words)
    assert failed.code == 4
    assert "prompts that were computed again singly are wrong (by up to 1.0e-03 of the largest token state): " in failed.err
    ids = [row["prompt_id"] for row in Catalog(store).dicts("prompts")]
    assert sum(prompt_id in failed.err for prompt_id in ids) == sample.SHOWN
    # nothing is left that the next run would trust
    assert not Catalog(store).dicts("extractions") and not Catalog(store).dicts("activations")
    (partition,) = store.folders("activations")
    assert partition.progress() == () and not list(partition.folder.glob("part-*"))
    assert "resuming after" not in emo_ok(*words).err
    assert verify(store) == [] and row_of(store)["recomputed_error"] < 8e-6


def test_rows_are_read_from_the_files(place, monkeypatch):
    words, _ = place
    written = Partition.row_groups

    def damaged(partition, entry, columns):
        for table in written(partition, entry, columns):
            vectors = table["activation"].combine_chunks()
            yield table.set_column(columns.index("activation"), "activation", [vectors[::-1]])

    with monkeypatch.context() as patched:
        patched.setattr(Partition, "row_groups", damaged)
        assert emo(*words).code == 4
    emo_ok(*words)


def test_a_row_that_is_not_in_the_files_is_found(place, monkeypatch):
    words, _ = place
    written = Partition.row_groups
    monkeypatch.setattr(Partition, "row_groups", lambda *given: (table.slice(0, 3) for table in written(*given)))
    failed = emo(*words)
    assert failed.code == 4 and "are wrong" in failed.err


def test_a_run_that_fails_leaves_what_was_committed(place, monkeypatch):
    words, store = place
    emo_ok(*words, "--layer", "0-1")
    before, row = Catalog(store).dicts("activations"), row_of(store)
    with monkeypatch.context() as patched:
        pool = Reader.pool
        patched.setattr(Reader, "pool", lambda *given, **options: doubled(pool(*given, **options)))
        assert emo(*words).code == 4
        assert emo(*words, "--layer", "0-1", "--force").code == 4
    assert Catalog(store).dicts("activations") == before and row_of(store) == row
    emo_ok(*words)
    assert len(Catalog(store).dicts("activations")) == 2 * len(before)


def doubled(pooled):
    for values in pooled.values.values():
        values *= 2
    return pooled


def test_only_new_parts_are_sampled_and_the_largest_difference_stays(place, monkeypatch):
    words, store = place
    emo_ok(*words, "--layer", "1")
    first = row_of(store)["recomputed_error"]
    groups = []
    sampled = sample.recompute_sample
    monkeypatch.setattr(
        sample,
        "recompute_sample",
        lambda partition, files, *given, **options: (
            groups.extend(parts.group_of(entry.part).layers for entry in files) or sampled(partition, files, *given, **options)
        ),
    )
    emo_ok(*words)
    assert groups == [(0, 2, 3)]
    assert row_of(store)["n_recomputed"] == 8 and row_of(store)["recomputed_error"] >= first
    # the row is out of date: nothing is computed, and what is known of the files stays
    row = row_of(store)
    (partition,) = store.partitions("extractions")
    manifest = partition.manifest()
    partition.commit(manifest.files, manifest.inputs | {"activations": "of other files"}, reads=manifest.reads)
    emo_ok(*words)
    again = row_of(store)
    assert len(groups) == 1 and all(again[name] == row[name] for name in ("n_recomputed", "recomputed_error"))


def test_parts_of_a_stopped_run_are_in_the_sample(place, monkeypatch):
    """They were finished and noted, but never compared."""
    words, store = place
    monkeypatch.setattr(local, "PART_BYTES", 4 * 512)
    pool, calls = Reader.pool, []

    def stopping(*given, **options):
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError("stopped")
        return doubled(pool(*given, **options))

    with monkeypatch.context() as patched:
        patched.setattr(Reader, "pool", stopping)
        assert emo(*words).code != 0
    (partition,) = store.folders("activations")
    assert partition.progress()
    failed = emo(*words)
    assert "resuming after" in failed.err and failed.code == 4
    emo_ok(*words)


def test_all_stored_rows_are_those_of_single_prompts_where_angles_depend_on_the_length(workplace, tmp_path):
    folder = tiny.save_model(tmp_path / "longrope", "phi3-longrope")
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", tmp_path)
    ran = emo_ok("extract", "-d", "mine", "-m", folder, "--store", tmp_path, "--cache", workplace.cache)
    assert "strategy tree" in ran.err
    prompts = {row["prompt_id"]: row["text"] for row in Catalog(Store(tmp_path)).dicts("prompts")}
    loaded = load(find(str(folder), cache=tmp_path))
    oracle = Oracle(folder, "phi3-longrope", fresh=True)
    rows = Catalog(Store(tmp_path)).dicts("activations")
    from emotion_cli.models.tokens import tokenize

    ids = dict(zip(prompts, tokenize(loaded, list(prompts.values())).ids, strict=True))
    assert {len(row) > 8 for row in ids.values()} == {True, False}
    assert len(rows) == len(ids) * (loaded.n_layers + 1)
    for row in rows:
        tokens = ids[row["prompt_id"]]
        assert oracle.excess(np.array([row["activation"]]), tokens, [len(tokens) - 1], [row["layer"]]) <= 1
