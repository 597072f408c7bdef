"""A partition's folder holds its current parts and nothing else; who reads meanwhile, and stores that were laid out otherwise."""

import shutil

import given
import pyarrow as pa
import pytest
from command import emo, emo_ok
from earlier_layout import as_before
from workplaces import run_options

from warehouse import verify as verifying
from warehouse.artifacts import Artifacts
from warehouse.catalog import Catalog
from warehouse.errors import OlderError, StoreError
from warehouse.protocol import CONTROL
from warehouse.repair import repair
from warehouse.schema import TABLES
from warehouse.store import QUARANTINE, Store
from warehouse.verify import notes, verify

KEYS = {"dataset": "d", "model": "m", "extraction_id": "1"}


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    write(store, "joy")
    return store


def write(store, emotion, n_rows=2):
    rows = [{**KEYS, "emotion": emotion, "layer": i, "vector": [1.0, 0.0], "l2_norm": 1.0} for i in range(n_rows)]
    given.write_rows(store, "vectors", [{**row, "d_model": 2, "l1_norm": 1.0} for row in rows])


def partition(store):
    return store.partition("vectors", **KEYS)


def contents(store):
    return {path.relative_to(store.root): path.read_bytes() for path in store.root.rglob("*") if path.is_file()}


def stray_files(store):
    """Files below the tables that are not a current part."""
    listed = {path for table in TABLES for one in store.partitions(table) for path in one.paths()}
    return {path for table in TABLES for path in (store.root / table).rglob("*") if path.is_file()} ^ listed


def test_folders_hold_the_current_parts_and_nothing_else(workplace, tmp_path):
    """After a whole run, a run with other draws, and a second variant; nor does `emo verify` find a fault."""
    store = Store(shutil.copytree(workplace.store, tmp_path / "store"))
    assert not stray_files(store)
    place = workplace._replace(store=store.root)
    before = {table: store.n_rows(table) for table in TABLES}
    for words in (["--draws", 120], ["--reference", "others"]):
        emo_ok("run", *run_options(place), *words)
        assert not stray_files(store) and verify(store) == []
    # of the first variant, and of everything
    assert all(note.text.endswith(verifying.OUTDATED) for note in notes(store))
    assert {table for table in TABLES if store.n_rows(table) < before[table]} == set()


def test_a_query_goes_on_when_its_files_are_superseded(store):
    """DuckDB opens files late: the catalog looks again, and says what is there then."""
    catalog = Catalog(store)
    write(store, "rage", 3)
    assert catalog.rows("select distinct emotion, count(*) n from vectors group by all").to_pylist() == [
        {"emotion": "rage", "n": 3}
    ]
    write(store, "calm")
    assert {row["emotion"] for row in catalog.dicts("vectors")} == {"calm"}
    partition(store).paths()[0].unlink()
    with pytest.raises(StoreError, match=r"part-.* is listed in a manifest but is missing"):
        catalog.rows("select emotion from vectors")


def test_who_has_a_superseded_part_open_keeps_it(store):
    groups = partition(store).row_groups(partition(store).manifest().files[0], ["emotion"])
    first = next(groups)
    write(store, "rage")
    assert pa.concat_tables([first, *groups])["emotion"].to_pylist() == ["joy", "joy"]


def test_a_reader_whose_file_goes_reads_the_manifest_again(store, monkeypatch):
    paths = type(partition(store)).paths

    def superseded_meanwhile(self):
        listed = paths(self)
        if labels:
            write(store, labels.pop())
        return listed

    labels = ["calm", "rage"]
    monkeypatch.setattr(type(partition(store)), "paths", superseded_meanwhile)
    assert set(partition(store).read(["emotion"])["emotion"].to_pylist()) == {"calm"} and not labels


def test_verify_sees_no_fault_in_what_is_committed_meanwhile(store, monkeypatch):
    check, labels = verifying._of_file, ["rage"]

    def committed_meanwhile(table, path, entry):
        if labels:
            write(store, labels.pop())
        return check(table, path, entry)

    monkeypatch.setattr(verifying, "_of_file", committed_meanwhile)
    assert verify(store) == [] and not labels
    query, labels = verifying._of_readable, ["calm"]

    def committed_before_sql(readable):
        if labels:
            write(store, labels.pop())
        return query(readable)

    monkeypatch.setattr(verifying, "_of_readable", committed_before_sql)
    assert verify(store) == [] and not labels


def test_nothing_is_committed_that_is_not_there(store):
    entry = partition(store).write([partition(store).read(list(TABLES["vectors"].file_column_names)).slice(0, 1)])
    (partition(store).folders.pending / entry.name).unlink()
    before = partition(store).manifest()
    with pytest.raises(StoreError, match=f"{entry.name} is gone"):
        partition(store).commit([entry])
    assert partition(store).manifest() == before


def test_what_a_killed_command_left_outside_of_the_data_is_a_note(store):
    one = partition(store)
    one.folders.pending.mkdir()
    for path in (one.folders.pending / "part-0123456789abcdef.parquet", one.control / ".tmp-x", one.folders.pending / ".tmp-y"):
        path.write_bytes(b"x")
    assert verify(store) == []
    (note,) = notes(store)
    assert note.folder == one.folder and "3 files of a killed command" in note.text
    ran = emo_ok("verify", "--store", store.root)
    assert "no fault was found" in ran.err and "3 files of a killed command" in " ".join(ran.err.split())
    with one.hold():
        assert notes(store) == []
    assert not one.folders.pending.exists()
    (one.control / ".tmp-x").write_bytes(b"x")
    emo_ok("verify", "--store", store.root, "--repair")
    assert notes(store) == [] and not list(store.root.rglob(".tmp-*"))


def test_folders_that_were_copied_without_their_notes_lose_nothing(store):
    """No manifest says what the parts are: no writer takes them away, and a repair puts them aside."""
    (path,) = partition(store).paths()
    content = path.read_bytes()
    shutil.rmtree(store.root / CONTROL)
    assert Catalog(store).dicts("vectors") == []
    store.finish()
    with partition(store).hold():
        pass
    faults = verify(store)
    assert [(fault.check, fault.file) for fault in faults] == [("unlisted", path)]
    repair(store, faults)
    (kept,) = (store.root / QUARANTINE).rglob("part-*")
    assert kept.read_bytes() == content and verify(store) == []


@pytest.fixture
def before(workplace, tmp_path):
    """A store of emo 0.4, with a superseded part, a file that was being written, and unfinished work."""
    store = Store(shutil.copytree(workplace.store, tmp_path / "before"))
    unfinished = store.partition("activations", **(KEYS | {"dataset": "mine"}))
    whole = store.partitions("activations", model="tiny-gpt2")[0]
    rows = whole.read(list(TABLES["activations"].file_column_names))
    unfinished.save_progress([unfinished.write([rows], part="last|0|0-1")])
    as_before(store.root)
    (whole.folder / "part-0123456789abcdef.parquet").write_bytes(b"superseded")
    (whole.folder / ".tmp-x").write_bytes(b"x")
    (whole.folder / "_holder.json").write_bytes(b"x")
    return store


def test_a_store_of_the_earlier_layout_is_refused_by_each_command_and_left_as_it_is(before, workplace):
    content = contents(before)
    place = workplace._replace(store=before.root)
    for words in (
        ["tables"],
        ["sql", "select count(*) from vectors"],
        ["vectors", "--best"],
        ["run", *run_options(place)],
        ["rm", "-d", "mine", "--yes"],
        ["report"],
        ["export", "--output", str(before.root.parent / "x")],
    ):
        store_option = [] if words[0] == "run" else ["--store", before.root]
        ran = emo(*words, *store_option)
        assert ran.code == 1 and "written by an older emo" in ran.plain, (words, ran)
        assert "emo verify --repair" in ran.plain, (words, ran)
    with pytest.raises(OlderError), before.partitions("vectors")[0].hold():
        pass
    assert contents(before) == content


def test_a_store_of_the_earlier_layout_is_migrated_once(before, workplace):
    ran = emo("verify", "--store", before.root, "--format", "csv")
    assert ran.code == 4 and "layout" in ran.out and "emo verify --repair" in ran.plain
    ran = emo_ok("verify", "--store", before.root, "--repair", "--format", "csv")
    assert "migrated" in ran.out and "incomplete, 1 parts are stored" in " ".join(ran.err.split())
    assert verify(before) == [] and not stray_files(before)
    assert not (before.root / QUARANTINE).exists()
    for table in TABLES:
        assert Catalog(before).dicts(table) == Catalog(Store(workplace.store)).dicts(table)
    place = workplace._replace(store=before.root)
    assert "0 tasks done" in emo_ok("run", *run_options(place)).err
    assert emo("verify", "--store", before.root).code == 0


def test_damage_in_a_store_of_the_earlier_layout_is_repaired_in_the_same_run(before):
    whole = before.partitions("vectors")[0]
    path = next(path for path in whole.folder.iterdir() if path.name.startswith("part-"))
    path.write_bytes(path.read_bytes()[:-1])
    (before.partitions("vectors")[1].folder / "_manifest.json").write_text("{")
    assert emo("verify", "--repair", "--store", before.root).code == 4
    assert {fault.check for fault in verify(before)} <= {"stale"}
    assert len(list((before.root / QUARANTINE).rglob("part-*"))) >= 2


def test_where_the_folder_cannot_be_made_nothing_is_committed(store):
    one = partition(store)
    before = (one.control / "_manifest.json").read_bytes()
    entry = one.write([one.read(list(TABLES["vectors"].file_column_names)).slice(0, 1)])
    shutil.rmtree(one.folder)
    one.folder.write_text("a file")
    with pytest.raises(StoreError, match="File exists"):
        one.commit([entry])
    assert (one.control / "_manifest.json").read_bytes() == before


def test_rows_whose_folder_was_deleted_are_not_called_up_to_date(store):
    shutil.rmtree(partition(store).folder)
    with pytest.raises(StoreError, match="the folder of committed rows is gone") as caught:
        partition(store).manifest()
    assert caught.value.hint == "emo verify --repair"
    faults = verify(store)
    assert [fault.check for fault in faults] == ["manifest"]
    repair(store, faults)
    assert verify(store) == [] and partition(store).manifest() is None


def test_outdated_pictures_that_lie_together_are_one_note(store):
    place = store.partitions("vectors")[0].place
    for name in ("a", "b", "c"):
        Artifacts(store.root / "figures" / name, "figures").commit({"x.png": b"x"}, {"v": "before"}, reads={"v": place})
    Artifacts(store.root, "report").commit({"report.md": b"x"}, {"v": "before"}, reads={"v": place})
    assert [tuple(note) for note in notes(store)] == [
        (store.root, verifying.OUTDATED),
        (store.root / "figures", f"3 folders in it: {verifying.OUTDATED}"),
    ]
    assert verify(store) == []
