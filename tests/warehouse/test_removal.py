"""What is removed, what stays, and what a crash in the middle leaves."""

import json
import os
import shutil
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path

import made_elsewhere as made
import pytest

from emotion_cli import pipeline
from emotion_cli.exchange.importing import import_activations
from emotion_cli.job.listener import Silence
from emotion_cli.settings import Settings
from warehouse import removal
from warehouse.artifacts import Artifacts
from warehouse.errors import HeldError, NotInStoreError
from warehouse.lock import LOCK, LOCK_FILES, held
from warehouse.protocol import Folders
from warehouse.removal import Filters, remove, to_remove
from warehouse.schema import TABLES
from warehouse.store import Store
from warehouse.verify import notes, verify

MODELS, DATASETS = ("one", "two"), ("mine", "other")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Two datasets under two models, with statistics and pictures (of bytes that say nothing)."""
    store = Store(tmp_path_factory.mktemp("removal") / "store")
    for seed, model in enumerate(MODELS):
        for topics, dataset in zip((4, 6), DATASETS, strict=True):
            table = made.table_of(made.rows_of(topics=topics, layers=(1, 2), seed=seed))
            import_activations(store, [table], dataset=dataset, model=model, create_dataset=True)
    settings = Settings(reference="calm", neutral="calm", draws=20)
    pipeline.run(pipeline.job_in_store(store, settings, Silence()), pipeline.stages("vectors", "compare"))
    for dataset in DATASETS:
        vectors = store.partitions("vectors", dataset=dataset)
        for name, origins in (("cross_model", vectors), *((one.keys["model"], [one]) for one in vectors)):
            reads = {str(i): one.place for i, one in enumerate(origins)}
            inputs = {str(i): one.manifest().fingerprint for i, one in enumerate(origins)}
            Artifacts(store.root / "figures" / dataset / name).commit({"a.png": b"1", "b.svg": b"2"}, inputs, reads=reads)
    assert verify(store) == [] and all(store.n_rows(table) for table in TABLES if "cross" in table)
    return store.root


@pytest.fixture
def store(base, tmp_path):
    shutil.copytree(base, tmp_path / "store")
    return Store(tmp_path / "store")


def contents(store):
    return {place: value for place, value in made.contents(store.root).items() if place.rsplit("/", 1)[-1] not in LOCK_FILES}


def ids(store):
    return {(one.keys["dataset"], one.keys["model"]): one.keys["extraction_id"] for one in store.partitions("extractions")}


def of(place, *words):
    """Whether a place is of one of these: by a name in it, or an id."""
    return any(
        f"={word}/" in f"{place}/" or f"/{word}/" in place or word in place.split("pair=")[-1].split("/")[0].split("-")
        for word in words
    )


def test_a_model_goes_with_all_that_is_of_it(store):
    before, known = contents(store), ids(store)
    gone = [known[dataset, "one"] for dataset in DATASETS]
    folders = to_remove(store, Filters(models=["one"]))
    assert remove(store, folders) == []
    after = contents(store)
    assert after == {
        place: value for place, value in before.items() if not of(place, "one", *gone) and "/cross_model/" not in place
    }
    assert any(of(place, "two") for place in after) and any(place.startswith("prompts/") for place in after)
    assert sum(one.rows for one in folders) == n_rows(before) - n_rows(after)
    assert verify(store) == []
    assert not [path for path in store.root.rglob("*") if path.is_dir() and not any(path.iterdir())]


def n_rows(contents):
    """Rows of all tables, as their manifests say."""
    saved = [json.loads(value) for place, value in contents.items() if place.endswith("_manifest.json")]
    return sum(entry["rows"] for manifest in saved for entry in manifest["files"])


def test_a_dataset_goes_with_its_texts(store):
    before, known = contents(store), ids(store)
    remove(store, to_remove(store, Filters(datasets=["mine"])))
    gone = [known["mine", model] for model in MODELS]
    assert contents(store) == {place: value for place, value in before.items() if not of(place, "mine", *gone)}
    assert verify(store) == []


def test_pictures_of_another_comparison_inside_a_removed_folder_are_not_foreign(store):
    one = next(one for one in store.partitions("prompts", dataset="other"))
    inside = store.root / "figures" / "mine" / "one" / "dataset_shift_other"
    Artifacts(inside).commit({"a.png": b"1"}, {"0": one.manifest().fingerprint}, reads={"0": one.place})
    assert remove(store, to_remove(store, Filters(["mine"], ["one"]))) == []
    assert (inside / "a.png").exists() and not (inside.parent / "a.png").exists()
    (inside.parent / "b.txt").write_text("mine")
    left = remove(store, [removal.Removal(Folders(inside.parent, inside.parent), "figures/mine/one", 0, ())])
    assert left == [inside.parent]


def test_models_that_were_measured_beside_the_removed_one_are_named(store):
    folders = to_remove(store, Filters(models=["one"]))
    assert removal.models_besides(folders, ["one"]) == []
    (quality,) = store.partitions("vector_quality", dataset="mine", model="two")
    beside = removal.Removal(quality.folders, quality.place, 1, ())
    assert removal.models_besides([*folders, beside], ["one"]) == ["two"]


@pytest.mark.parametrize("by", ["names", "id", "start of id"])
def test_an_extraction_leaves_texts_and_other_extractions(store, by):
    before, id_ = contents(store), ids(store)["mine", "two"]
    wanted = Filters(["mine"], ["two"]) if by == "names" else Filters(extractions=[id_ if by == "id" else id_[:8]])
    remove(store, to_remove(store, wanted))
    after = contents(store)
    assert after == {
        place: value
        for place, value in before.items()
        if not of(place, id_) and not place.startswith(("figures/mine/two", "figures/mine/cross_model"))
    }
    assert set(ids(store)) == {("mine", "one"), ("other", "one"), ("other", "two")}
    assert verify(store) == []


def test_one_version_of_a_dataset(store):
    (first,) = store.partitions("prompts", dataset="mine")
    rows = made.rows_of(topics=3, layers=(1, 2), seed=5)
    other = Store(store.root.parent / "elsewhere")
    import_activations(other, [made.table_of(rows)], dataset="mine", model="one", create_dataset=True)
    shutil.copytree(other.root, store.root, dirs_exist_ok=True)
    (second,) = (one for one in store.partitions("prompts", dataset="mine") if one.keys != first.keys)
    before = contents(store)
    remove(store, to_remove(store, Filters(["mine"], version=second.keys["prompts_sha256"][:10])))
    gone = set(before) - set(contents(store))
    tables = {place.removeprefix("_emo/").split("/")[0] for place in gone}
    assert tables == {"prompts", "activations", "extractions", "layer_profiles"} and len(gone) == 8
    assert store.partitions("prompts", dataset="mine")[0].keys == first.keys
    assert verify(store) == []


@pytest.mark.parametrize(
    "wanted",
    [
        Filters(["nobody"]),
        Filters(models=["nobody"]),
        Filters(extractions=["f" * 16]),
        Filters(extractions=[""]),
        Filters(["mine"], version="x"),
    ],
    ids=str,
)
def test_what_is_not_there_is_an_error(store, wanted):
    with pytest.raises(NotInStoreError):
        to_remove(store, wanted)


def test_a_folder_that_is_being_written_is_refused_and_nothing_is_removed(store):
    before = contents(store)
    folders = to_remove(store, Filters(["mine"]))
    with store.partitions("activations", dataset="mine")[1].hold(), pytest.raises(HeldError):
        remove(store, folders)
    assert contents(store) == before


def test_files_that_are_not_ours_stay(store):
    folder = store.partitions("activations", dataset="mine", model="one")[0].folder
    (folder / "notes.txt").write_text("mine")
    assert remove(store, to_remove(store, Filters(["mine"], ["one"]))) == [folder]
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_unfinished_work_and_damaged_manifests_go_too(store):
    partition = store.partitions("activations", dataset="mine", model="one")[0]
    manifest = partition.manifest()
    partition.save_progress(manifest.files)
    (partition.control / "_manifest.json").write_text("{")
    (partition.control / ".tmp-1").write_text("x")
    remove(store, to_remove(store, Filters(["mine"], ["one"])))
    assert not partition.folders.all and verify(store) == []


class Died(BaseException):
    """The process, at this call."""


def test_a_death_at_any_call_leaves_what_verify_names_and_a_second_removal_ends(base, tmp_path, monkeypatch):
    def calls(root, number):
        """Whether the removal came to its end before that many calls of the operating system."""
        left = [number]

        def counting(real):
            def call(*arguments):
                left[0] -= 1
                if not left[0]:
                    raise Died
                return real(*arguments)

            return call

        with monkeypatch.context() as patch:
            for name in ("unlink", "rmdir", "fsync"):
                patch.setattr(os, name, counting(getattr(os, name)))
            try:
                remove(Store(root), to_remove(Store(root), Filters(models=["one"])))
            except Died:
                return False
        return True

    root = tmp_path / "whole"
    shutil.copytree(base, root)
    assert calls(root, 10**9)
    expected = contents(Store(root))
    other = Store(base).read("vectors", model="two")
    number, seen = 1, set()
    while True:
        root = tmp_path / "store"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(base, root)
        store = Store(root)
        if calls(root, number):
            break
        faults = {fault.check for fault in verify(store)}
        assert faults <= {"unlisted", "artifact", "stale", "activations_have_an_extraction"}, (number, faults)
        assert store.read("vectors", model="two").equals(other)
        seen |= faults
        with suppress(NotInStoreError):  # where it had died behind the last folder
            remove(store, to_remove(store, Filters(models=["one"])))
        assert contents(store) == expected, number
        number += 7
    assert number > 60 and {"unlisted", "artifact"} <= seen


def test_who_waits_for_the_lock_of_a_removed_folder_gets_a_living_one(tmp_path):
    folder, same = tmp_path / "a" / "b", []

    def wait():
        with held(folder, wait=True):
            same.append((folder / LOCK).exists())
            with pytest.raises(HeldError, match=f"process {os.getpid()}"), held(folder):
                pass
            same.append(True)

    with held(folder):
        thread = threading.Thread(target=wait)
        thread.start()
        while thread.is_alive() and not waits(thread):
            pass
        shutil.rmtree(folder)
    thread.join()
    assert same == [True, True]


def waits(thread):
    """Whether a thread is inside the package that takes the lock."""
    frame = sys._current_frames().get(thread.ident)
    return any(Path(at.f_code.co_filename).parent.name == "filelock" for at, _ in traceback.walk_stack(frame)) if frame else False


def test_a_place_outside_the_tables_is_never_touched(store):
    Artifacts(store.root, "report").commit({"report.md": b"x"}, {"v": "1"}, reads={"v": store.partitions("vectors")[0].place})
    remove(store, to_remove(store, Filters(models=["one"])))
    assert (store.root / "report.md").is_file()
    assert removal.left_stale(store) == [("report", store.root)]
    assert verify(store) == [] and [note.folder for note in notes(store)] == [store.root]
