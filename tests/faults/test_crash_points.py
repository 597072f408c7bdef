"""The process dies before and after each system call of the protocol, and each call fails in turn: the store is old or new."""

import errno
import os
import time
from functools import partial
from pathlib import Path

import pytest
from earlier_layout import as_before
from forking import contents, dies_at, fresh, in_child, patch_calls

from warehouse.artifacts import Artifacts
from warehouse.catalog import Catalog
from warehouse.errors import StoreError
from warehouse.lock import LOCK_FILES
from warehouse.repair import repair
from warehouse.store import Store, table_of
from warehouse.verify import notes, verify

KEYS = {"dataset": "d", "model": "m", "extraction_id": "1"}
MOST_CALLS = 200


def rows(values):
    n = len(values)
    columns = {
        "method": "m",
        "reference": "r",
        "pooling": "last",
        "d_model": 2,
        "n_emotion": 1,
        "n_reference": 1,
        "l1_norm": 1.0,
        "l2_norm": 1.0,
        "relative_norm": 1.0,
        "averaged": True,
    }
    spread = {name: [value] * n for name, value in columns.items()}
    return table_of(
        "vectors",
        {**spread, "emotion": [f"e{value}" for value in values], "layer": [0] * n, "vector": [[1.0, 0.0]] * n},
        d_model=2,
    )


def write(root, values):
    """Parts one after another, each noted, then the commit, then pictures: all that the protocol knows."""
    store = Store(root)
    partition = store.partition("vectors", **KEYS)
    with partition.hold():
        entries = list(partition.progress())
        done = {entry.part for entry in entries}
        for value in values:
            if str(value) not in done:
                entries.append(partition.write([rows([value])], part=str(value)))
                partition.save_progress(entries)
        partition.commit(sorted(entries, key=lambda entry: entry.part), {"made of": list(values)})
    Artifacts(root / "figures" / "d" / "m").commit({"a.png": bytes(values), "b.svg": bytes(values)}, {"made of": list(values)})


def bad_row(root):
    partition = Store(root).partition("vectors", **KEYS)
    path = partition.paths()[0]
    path.write_bytes(path.read_bytes()[:-1])


def mend(root):
    repair(Store(root), verify(Store(root)))


@pytest.fixture
def base(tmp_path):
    write(tmp_path / "base", [1, 2])
    return tmp_path / "base"


@pytest.fixture
def across(base, monkeypatch):
    """The partition's folder is a link to another disk, onto which nothing can be renamed."""
    folder = Store(base).partition("vectors", **KEYS).folder
    replace = os.replace

    def only_within_a_disk(source, target):
        if len({"other disk" in str(Path(path).parent.resolve()) for path in (source, target)}) == 2:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, target)

    def linked(root):
        other = root / "other disk"
        other.mkdir()
        here = root / folder.relative_to(base)
        for path in here.iterdir():
            path.rename(other / path.name)
        here.rmdir()
        here.symlink_to(other)
        return root

    monkeypatch.setattr(os, "replace", only_within_a_disk)
    return linked


def content_of_tables(root):
    return {place: value for place, value in contents(root).items() if place.startswith("vectors")}


def rows_seen(root):
    """What readers of this package see: labels, by each way of reading."""
    store = Store(root)
    by_arrow = store.read("vectors", ["emotion"])["emotion"].to_pylist()
    by_sql = [row["emotion"] for row in Catalog(store).dicts("vectors")]
    assert sorted(by_arrow) == sorted(by_sql)
    return sorted(by_arrow)


def faults_of_tables(store):
    """The checks that find something; pictures may be half-replaced, with a file that was being written beside them."""
    faults = [(fault.check, "figures" in fault.file.relative_to(store.root).parts) for fault in verify(store)]
    assert {check for check, of_figures in faults if of_figures} <= {"artifact", "temporary"}
    return {check for check, of_figures in faults if not of_figures}


def exact(root):
    """Whether the folder holds the current parts and nothing else, and the control folder no part and nothing half-written."""
    partition = Store(root).partition("vectors", **KEYS)
    files = {path.name for path in partition.folder.iterdir()}
    beside = {path.name for path in partition.control.rglob("*") if path.is_file()}
    return files == {entry.name for entry in partition.manifest().files} and beside <= {"_manifest.json", *LOCK_FILES}


OLD, NEW = ["e1", "e2"], ["e3", "e4"]


@pytest.mark.parametrize(("after", "disk"), [(False, "same"), (True, "same"), (False, "other")])
def test_a_death_at_any_call_leaves_the_old_content_or_the_new(base, tmp_path, after, disk, across):
    linked = across if disk == "other" else lambda root: root
    old = content_of_tables(base)
    work = partial(write, tmp_path / "store", [3, 4])
    linked(fresh(base, tmp_path / "store"))
    work()
    new, everything = content_of_tables(tmp_path / "store"), contents(tmp_path / "store")
    assert exact(tmp_path / "store")
    seen, named = set(), set()
    for number in range(1, MOST_CALLS):
        store = Store(linked(fresh(base, tmp_path / "store")))
        if not dies_at(number, after, work):
            break
        committed = content_of_tables(store.root)
        assert committed in (old, new), number
        seen.add(committed == new)
        checks = faults_of_tables(store)
        assert checks <= {"unmoved", "superseded", *(["temporary"] if disk == "other" else [])}, (number, checks)
        assert exact(store.root) or checks or notes(store), number
        named |= checks
        assert rows_seen(store.root) == (NEW if committed == new else OLD), number
        held = Artifacts(store.root / "figures" / "d" / "m").manifest()
        assert held is None or held.inputs["made of"] in ([1, 2], [3, 4])
        if number % 2:
            mend(store.root)
            assert not faults_of_tables(store), number
            assert not [note for note in notes(store) if not note.text.startswith("incomplete")], number
            assert content_of_tables(store.root) == committed, number
            if committed == new:
                assert exact(store.root), number
        work()
        assert contents(store.root) == everything and exact(store.root), number
        assert not faults_of_tables(store) and not notes(store), number
    assert seen == {False, True} and {"unmoved", "superseded"} <= named and 20 < number < MOST_CALLS - 1


@pytest.mark.parametrize("ended_by", ["repair", "writer"])
def test_a_death_while_a_commit_is_finished_is_finished_by_the_next(base, tmp_path, ended_by):
    """The first writer dies right behind the commit; then another process dies at each of its calls."""
    for number in range(1, MOST_CALLS):
        assert dies_at(number, False, partial(write, fresh(base, tmp_path / "committed"), [3, 4]))
        if {fault.check for fault in verify(Store(tmp_path / "committed"))} >= {"unmoved", "superseded"}:
            break
    work = partial(mend if ended_by == "repair" else finish, tmp_path / "store")
    for number in range(1, MOST_CALLS):
        store = Store(fresh(tmp_path / "committed", tmp_path / "store"))
        if not dies_at(number, False, work):
            break
        assert rows_seen(store.root) == NEW, number
        work()
        assert exact(store.root) and not {fault.check for fault in verify(store)} - {"artifact"}, number
        assert rows_seen(store.root) == NEW
    assert 5 < number < MOST_CALLS - 1


def finish(root):
    Store(root).finish()


def test_a_death_at_any_call_of_a_migration_to_this_layout_loses_nothing(base, tmp_path):
    before = contents(base)
    as_before(base)
    partition = Store(base).partition("vectors", **KEYS)
    (partition.folder / "part-0123456789abcdef.parquet").write_bytes(b"superseded")
    work = partial(mend, tmp_path / "store")
    for number in range(1, MOST_CALLS):
        store = Store(fresh(base, tmp_path / "store"))
        if not dies_at(number, False, work):
            break
        try:
            assert rows_seen(store.root) == OLD, number
        except StoreError as error:
            assert error.hint == "emo verify --repair", number
        work()
        assert not verify(store) and not notes(store) and exact(store.root), number
        assert contents(store.root) == before and rows_seen(store.root) == OLD
    assert 5 < number < MOST_CALLS - 1


def test_a_death_at_any_call_of_a_repair_loses_nothing(base, tmp_path):
    bad_row(base)
    work = partial(mend, tmp_path / "store")
    for number in range(1, MOST_CALLS):
        store = Store(fresh(base, tmp_path / "store"))
        if not dies_at(number, False, work):
            break
        work()
        work()
        assert not verify(store), number
        assert store.n_rows("vectors") == 1
        assert len(list((store.root / "quarantine").rglob("part-*"))) == 1
    assert 5 < number < MOST_CALLS - 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_call_that_fails_is_a_clear_error_and_leaves_no_half(base, tmp_path, code):
    old = content_of_tables(base)
    fresh(base, tmp_path / "store")
    write(tmp_path / "store", [3, 4])
    new, everything = content_of_tables(tmp_path / "store"), contents(tmp_path / "store")

    def failing(number):
        """Whether the call came to pass, and what was said."""
        met = []
        with pytest.MonkeyPatch.context() as monkeypatch:

            def fault():
                met.append(number)
                raise OSError(code, os.strerror(code))

            patch_calls(number, False, fault, monkeypatch.setattr)
            try:
                write(store.root, [3, 4])
            except StoreError as error:
                return True, str(error)
        return bool(met), None

    for number in range(1, MOST_CALLS):
        store = Store(fresh(base, tmp_path / "store"))
        met, said = failing(number)
        if not met:
            break
        if said is None:  # a folder that was there already did not have to be made
            assert content_of_tables(store.root) == new
            continue
        assert os.strerror(code) in said and str(store.root) in said
        assert content_of_tables(store.root) in (old, new)
        assert not list(store.root.rglob(".tmp-*")), number
        write(store.root, [3, 4])
        assert contents(store.root) == everything
    assert 20 < number < MOST_CALLS - 1


def read_loop(root, reads):
    seen = set()
    for _ in range(reads):
        labels = {row["emotion"] for row in Catalog(Store(root)).dicts("vectors")}
        also = set(Store(root).partition("vectors", **KEYS).read(["emotion"])["emotion"].to_pylist())
        assert labels in ({"e1", "e2"}, {"e3", "e4"}) and also in ({"e1", "e2"}, {"e3", "e4"})
        manifest = Artifacts(root / "figures" / "d" / "m").manifest()
        assert manifest is None or manifest.inputs["made of"] in ([1, 2], [3, 4])
        seen |= labels
    return sorted(seen)


def test_readers_see_the_old_or_the_new_while_a_writer_writes(base):
    pid = os.fork()
    if not pid:
        try:
            while True:
                for values in ([3, 4], [1, 2]):
                    write(base, values)
                    time.sleep(0.05)  # commits that follow at once would leave a reader no moment between them
        finally:
            os._exit(1)
    try:
        assert in_child(partial(read_loop, base, 40)) == ["e1", "e2", "e3", "e4"]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
