"""A store that others had their hands in: names and links that lead elsewhere, moved folders, damaged pages.

Each is an error that names the file, for the queries that ask for its rows and for no others.
"""

import json
import os
import random
import shutil

import given
import pytest

from warehouse.catalog import Catalog
from warehouse.errors import StoreError
from warehouse.repair import repair
from warehouse.store import Store
from warehouse.verify import verify


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    for model in ("broken", "whole"):
        rows = [
            {
                "dataset": "d",
                "model": model,
                "extraction_id": model,
                "layer": i,
                "vector": [1.0, i],
                "d_model": 2,
                "l1_norm": 1.0 + i,
                "l2_norm": (1 + i**2) ** 0.5,
            }
            for i in range(20)
        ]
        given.write_rows(store, "vectors", rows)
    return store


def partition(store, model="broken"):
    return store.partitions("vectors", model=model)[0]


def listed(**changes):
    """A change of what the manifest says of its file."""

    def change(store):
        path = partition(store).control / "_manifest.json"
        saved = json.loads(path.read_text())
        saved["files"][0].update({name: value(store) if callable(value) else value for name, value in changes.items()})
        path.write_text(json.dumps(saved))

    return change


def outside(store):
    other = shutil.copy(partition(store).paths()[0], store.root.parent / "other.parquet")
    return os.path.relpath(other, partition(store).folder)


def moved_by_hand(store):
    moved, whole = partition(store).folders, partition(store, "whole").folders
    for there, here in ((whole.data, moved.data), (whole.control, moved.control)):
        shutil.rmtree(here)
        shutil.copytree(there, here)


def link(store):
    path = partition(store).paths()[0]
    path.rename(store.root.parent / "other.parquet")
    path.symlink_to(store.root.parent / "other.parquet")


def link_to_nothing(store):
    path = partition(store).paths()[0]
    path.unlink()
    path.symlink_to(store.root / "nothing")


def link_to_itself(store):
    path = partition(store).paths()[0]
    path.unlink()
    path.symlink_to(path)


CHANGES = {
    "a file outside": (listed(name=outside), "lists a file outside its folder"),
    "an absolute name": (listed(name=lambda store: str(partition(store, "whole").paths()[0])), "lists a file outside"),
    "NUL": (listed(name="a\0b"), "lists a file outside"),
    "no name": (listed(name=""), "lists a file outside"),
    "the manifest itself": (listed(name="._manifest.json"), "lists a file outside"),
    "a number for a name": (listed(name=3), "is not complete"),
    "no size": (listed(size="many"), "is not complete"),
    "no rows": (listed(rows=None), "is not complete"),
    "moved by hand": (moved_by_hand, r"of another folder: vectors \{.*'model': 'whole'"),
    "a link": (link, "is a link to another place"),
    "a link to nothing": (link_to_nothing, "is a link to another place"),
    "a link to itself": (link_to_itself, "is a link to another place"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_leads_elsewhere_is_refused_and_the_rest_is_read(store, name):
    change, said = CHANGES[name]
    change(store)
    catalog = Catalog(store)
    for statement in ("select * from vectors", "select count(*) from vectors where model = 'broken'"):
        with pytest.raises(StoreError, match=rf"model=broken/.*{said}") as caught:
            catalog.rows(statement)
        assert caught.value.hint.startswith("emo verify")
    with pytest.raises(StoreError, match=said):
        store.read("vectors")
    assert len(catalog.dicts("vectors", model=["whole"])) == 20
    faults = verify(store)
    assert {fault.check for fault in faults} <= {"manifest", "checksum"} and "model=broken" in str(faults[0].file)
    repair(store, faults)
    assert verify(store) == [] and len(Catalog(store).dicts("vectors")) == 20


def test_folders_may_be_links_to_another_disk(store):
    for folder in (partition(store).folder, store.root / "vectors"):
        folder.rename(store.root.parent / f"moved {folder.name}")
        folder.symlink_to(store.root.parent / f"moved {folder.name}")
    assert sorted(row["model"] for row in Catalog(store).dicts("vectors")) == ["broken"] * 20 + ["whole"] * 20
    assert store.read("vectors").num_rows == 40 and verify(store) == []


def test_a_damaged_page_is_the_fault_of_a_file_not_of_the_statement(store):
    """Where DuckDB cannot read on, the error says that a file is to blame; where it can, the checksum tells."""
    path = partition(store).paths()[0]
    whole, numbers, refused = path.read_bytes(), random.Random(1), 0
    for _ in range(80):
        content = bytearray(whole)
        at = numbers.randrange(4, len(content) - 8)
        content[at : at + 8] = numbers.randbytes(8)
        path.write_bytes(content)
        catalog = Catalog(store)
        try:
            catalog.rows("select * from vectors")
        except StoreError as error:
            refused += 1
            assert error.hint.startswith("emo verify")
        assert not partition(store).manifest().files[0].is_whole(path.parent)
        assert len(catalog.rows("select * from vectors where model = 'whole'")) == 20
    assert refused > 10
