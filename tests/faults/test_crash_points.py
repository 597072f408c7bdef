"""The process dies before and after each system call of the protocol, and each call fails in turn: the store is old or new."""

import errno
import os
from functools import partial

import pytest
from forking import contents, dies_at, fresh, in_child, patch_calls

from warehouse.artifacts import Artifacts
from warehouse.errors import StoreError
from warehouse.repair import repair
from warehouse.store import Store, table_of
from warehouse.verify import verify

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


def content_of_tables(root):
    return {place: value for place, value in contents(root).items() if place.startswith("vectors")}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_leaves_the_old_content_or_the_new(base, tmp_path, after):
    old = content_of_tables(base)
    work = partial(write, tmp_path / "store", [3, 4])
    fresh(base, tmp_path / "store")
    work()
    new, everything = content_of_tables(tmp_path / "store"), contents(tmp_path / "store")
    seen = set()
    for number in range(1, MOST_CALLS):
        store = Store(fresh(base, tmp_path / "store"))
        if not dies_at(number, after, work):
            break
        found = content_of_tables(store.root)
        assert found in (old, new), number
        seen.add(found == new)
        checks = {fault.check for fault in verify(store)}
        assert checks <= {"temporary", "orphan", "artifact"}, (number, checks)
        held = Artifacts(store.root / "figures" / "d" / "m").manifest()
        assert held is None or held.inputs["made of"] in ([1, 2], [3, 4])
        work()
        assert contents(store.root) == everything, number
        if number % 5 == 0:
            mend(store.root)
            assert not verify(store), number
    assert seen == {False, True} and 20 < number < MOST_CALLS - 1


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
    from warehouse.catalog import Catalog

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
                write(base, [3, 4])
                write(base, [1, 2])
        finally:
            os._exit(1)
    try:
        assert in_child(partial(read_loop, base, 40)) == ["e1", "e2", "e3", "e4"]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
