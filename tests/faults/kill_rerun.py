"""Kills of a run over a store that has results: `python kill_rerun.py FOLDER KILLS` prints what came of them as JSON.

Other draws supersede parts, and a second variant adds some. Each kill comes before a call that changes the disk. The calls are spread
evenly over the run, so every machine sees the same states. Children are forked as in kill_extraction.py.
"""

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from forking import calls_of, contents, dies_at, fresh, in_child
from kill_extraction import prepared

from warehouse.catalog import Catalog
from warehouse.schema import TABLES
from warehouse.store import Store
from warehouse.verify import notes, verify

RERUNS = {"other draws": {"draws": 30}, "second variant": {"reference": "others"}}
MENDED_BY_A_RUN = {"unmoved", "superseded"}
"""A commit that was not finished."""


def state_of(root: Path) -> dict:
    """What each table is said to hold, by all who read it, and what is at fault."""
    store = Store(root)
    faults = verify(store)
    catalog = Catalog(store)
    by_sql = {table: catalog.rows(f"select count(*) n from {table}")["n"][0].as_py() for table in TABLES}
    listed = {str(path) for table in TABLES for partition in store.partitions(table) for path in partition.paths()}
    there = {str(path) for table in TABLES for path in (root / table).rglob("*") if path.is_file()}
    return {
        "faults": sorted({fault.check for fault in faults}),
        "notes": len(notes(store)),
        "manifests": contents(root),
        "by_sql": by_sql == {table: store.n_rows(table) for table in TABLES},
        "exact": listed == there,
    }


def wrong_after_kill(state: dict, old: dict, new: dict) -> list[str]:
    """Sentences about what should not be."""
    wrong = []
    if not set(state["faults"]) <= MENDED_BY_A_RUN:
        wrong.append(f"verify found {state['faults']}")
    if any(manifest not in (old.get(place), new.get(place)) for place, manifest in state["manifests"].items()):
        wrong.append("a manifest is neither the old one nor the new one")
    if not old.keys() <= state["manifests"].keys():
        wrong.append("a manifest is gone")
    if not state["by_sql"]:
        wrong.append("SQL has other rows than the manifests")
    if not state["exact"] and not {"unmoved", "superseded"} & set(state["faults"]):
        wrong.append("other programs read other files than those listed, and verify does not say so")
    return wrong


def main(folder: Path, kills: int) -> dict:
    base, settings, run = prepared(folder)
    before, store = fresh(base, folder / "before"), folder / "store"
    in_child(lambda: run(before, settings))
    old = in_child(lambda: state_of(before))["manifests"]
    result: dict = {"kills": 0, "wrong": [], "faults": Counter(), "moments": Counter(), "calls": {}}
    for name, changes in RERUNS.items():
        asked = replace(settings, **changes)
        fresh(before, store)
        n_calls = result["calls"][name] = calls_of(lambda asked=asked: run(store, asked))
        undisturbed = in_child(lambda: state_of(store))
        new = undisturbed["manifests"]
        if undisturbed["faults"] or undisturbed["notes"] or not undisturbed["exact"] or new == old:
            result["wrong"].append(f"{name}, undisturbed: {undisturbed['faults']}")
        for kill in range(kills):
            fresh(before, store)
            number = 1 + (2 * kill + 1) * n_calls // (2 * kills)
            result["kills"] += dies_at(number, False, lambda asked=asked: run(store, asked))
            state = in_child(lambda: state_of(store))
            where = "before" if state["manifests"] == old else "after" if state["manifests"] == new else "between"
            result["moments"][f"{name}, {where} the commits" if where != "between" else f"{name}, between two commits"] += 1
            result["faults"].update(state["faults"])
            wrong = wrong_after_kill(state, old, new)
            in_child(lambda asked=asked: run(store, asked))
            again = in_child(lambda: state_of(store))
            if again["faults"] or again["notes"] or not again["exact"] or again["manifests"] != new:
                wrong.append(f"after the same run: {again['faults']}, {again['notes']} notes")
            result["wrong"] += [f"{name}, killed before call {number} of {n_calls}: {what}" for what in wrong]
    return result


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
