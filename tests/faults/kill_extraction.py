"""Kills of a real extraction, one after another: `python kill_extraction.py FOLDER KILLS SEED` prints what came of them as JSON.

Each child is forked from this process, which has torch, the pipeline and the model loaded, and does nothing itself: no thread is
running when it forks.
"""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import scipy.stats  # noqa: F401 - loaded here, so that no child has to
import tiny
import torch
from forking import contents, fresh, in_child, killed_after

import emotion_cli.engines.local as local
from emotion_cli import pipeline
from emotion_cli.job.listener import Silence
from emotion_cli.models.reader import Reader
from emotion_cli.prompts.reading import read_prompt_set
from emotion_cli.settings import Settings
from warehouse.catalog import Catalog
from warehouse.store import Store, table_of
from warehouse.verify import notes, verify

N_TOPICS, PROMPTS_A_PART = 14, 2
MENDED_BY_A_RUN = {"unmoved", "activations_have_an_extraction"}
"""A commit that was not finished; and the gap between two commits, when the row that describes activations is not there yet."""


def prompts(path: Path) -> Path:
    texts = {"thanks": "thank you {} .", "rage": "I am furious {} !", "calm": "the bus is {} ."}
    topics = [" ".join(tiny.WORDS[i : i + 3]) for i in range(N_TOPICS)]
    rows = [
        {"text": text.format(topic), "emotion": emotion, "topic": topic} for topic in topics for emotion, text in texts.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def import_prompts(root: Path, path: Path) -> None:
    prompt_set = read_prompt_set([path], "mine")
    partition = Store(root).partition("prompts", dataset="mine", prompts_sha256=prompt_set.sha256)
    partition.commit([partition.write([table_of("prompts", prompt_set.columns())])], {"source": path.name})


class Prepared(NamedTuple):
    """A store with the prompts alone, the settings of the first run, and what runs the stages from extract to compare."""

    base: Path
    settings: Settings
    run: Callable[[Path, Settings], None]


def prepared(folder: Path) -> Prepared:
    """A tiny model that is loaded, and prompts whose extraction has many parts."""
    torch.set_num_threads(1)
    local.PART_BYTES = 4 * 32 * 4 * PROMPTS_A_PART
    base, path = folder / "base", prompts(folder / "mine.jsonl")
    in_child(lambda: import_prompts(base, path))
    settings = Settings(
        dataset=("mine",),
        model=(str(tiny.save_model(folder / "tiny-gpt2", "gpt2")),),
        reference="calm",
        neutral="calm",
        draws=20,
        cache=folder / "cache",
    )
    wanted = pipeline.stages("extract", "compare")
    model = in_child(lambda: list(pipeline.find_sources(Store(base), settings, settings.model, Silence())))[0]
    sources = pipeline.find_sources(Store(base), settings, settings.model, Silence())
    loading = pipeline.Job(Store(base), settings, [], Silence(), sources)
    loaded = loading.loaded(model)

    def run(root: Path, asked: Settings) -> None:
        job = pipeline.job_with_models(Store(root), replace(asked, store=root), Silence())
        job._loaded = replace(loaded, source=job.sources[model])
        pipeline.run(job, wanted)

    return Prepared(base, settings, run)


def main(folder: Path, kills: int, seed: int) -> dict:
    computed = folder / "computed"
    pool = Reader.pool

    def counted(*given, **options):
        pooled = pool(*given, **options)
        with computed.open("ab", buffering=0) as sink:
            sink.write(b".")
        return pooled

    Reader.pool = counted
    base, settings, run_with = prepared(folder)
    store = folder / "store"

    def run(root: Path) -> None:
        run_with(root, settings)

    whole = fresh(base, folder / "whole")
    started = time.monotonic()
    in_child(lambda: run(whole))
    lasts = time.monotonic() - started
    expected = in_child(lambda: contents(whole))
    parts = len(next(value["files"] for place, value in expected.items() if place.startswith("activations")))

    def after_a_kill() -> dict:
        opened = Store(store)
        committed = Catalog(opened).rows("select count(*) n from activations").to_pylist()[0]["n"]
        faults = verify(opened)
        noted = [len(one.progress()) for one in opened.folders("activations")]
        return {
            "committed": committed,
            "faults": [fault.check for fault in faults],
            "noted": sum(noted),
            "left": sum("of a killed command" in note.text for note in notes(opened)),
            "named": all(fault.file.exists() for fault in faults),
        }

    def again() -> dict:
        run(store)
        opened = Store(store)
        return {"left": [fault.check for fault in verify(opened)], "notes": [note.text for note in notes(opened)]}

    rng = random.Random(seed)
    result: dict = {
        "kills": 0,
        "parts": parts,
        "seconds_of_a_run": round(lasts, 3),
        "faults": Counter(),
        "with_files_of_a_killed_command": 0,
        "wrong": [],
        "went_on": 0,
    }
    moments: Counter = Counter()
    computed_twice: Counter = Counter()
    # on while few died between the first part and the commit
    while result["kills"] < kills or result["went_on"] < kills // 10:
        fresh(base, store)
        computed.write_bytes(b"")
        moment = rng.uniform(0, lasts * 1.02)
        if not killed_after(moment, lambda: run(store)):
            lasts = moment  # the machine is faster now
            continue
        result["kills"] += 1
        state = in_child(after_a_kill)
        result["faults"].update(set(state["faults"]))
        result["with_files_of_a_killed_command"] += bool(state["left"])
        moments[
            "extraction was committed" if state["committed"] else "parts were finished" if state["noted"] else "no part yet"
        ] += 1
        if not state["committed"] and not state["noted"]:
            lasts *= 1.05  # or slower: later moments come into reach
        wrong = []
        if not set(state["faults"]) <= MENDED_BY_A_RUN or not state["named"]:
            wrong.append(f"verify found {state['faults']}")
        if state["committed"] not in (0, N_TOPICS * 3 * 4):
            wrong.append(f"{state['committed']} rows were seen")
        before = computed.stat().st_size
        redone = in_child(again)
        made = computed.stat().st_size - before
        result["went_on"] += bool(state["noted"])
        if made != (0 if state["committed"] else parts - state["noted"]):
            wrong.append(f"{made} parts were made, {state['noted']} of {parts} parts were there")
        twice = computed.stat().st_size - parts
        computed_twice[twice] += 1
        if twice not in (0, 1):
            wrong.append(f"{twice} of {parts} parts were computed twice")
        if redone["left"] or redone["notes"]:
            wrong.append(f"after the run: {redone}")
        if in_child(lambda: contents(store)) != expected:
            wrong.append("other bytes than the undisturbed run")
        if result["kills"] % 20 == 0:
            print(f"{result['kills']} kills, {len(result['wrong'])} wrong", file=sys.stderr, flush=True)
        result["wrong"] += [f"kill {result['kills']} at {moment:.3f} s: {what}" for what in wrong]
    return result | {"moments": moments, "parts_computed_twice": computed_twice}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
