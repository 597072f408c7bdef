"""A large store: 100,000 prompts x 31 layers x 576, some 7 GB; the time of commands that compute nothing, and memory.

`python -m bench store`; it needs 3 times the size free.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from emotion_cli.engines.local import PART_BYTES
from warehouse.schema import TABLES
from warehouse.store import Store, table_of

NAME = "A large store"
N_PROMPTS, LAYERS, WIDTH = 100_000, 31, 576
PROMPTS_A_PART = PART_BYTES // (LAYERS * WIDTH * 4)
LABELS = ("anger", "gratitude", "neutral")
LIMITS = {"seconds": 2.0, "bytes": 2 * 2**30}
"""Issue 5: `emo tables` and an up-to-date `emo compare` below 2 s, `emo vectors` below 2 GiB."""


def extraction(store: Store, dataset: str, n_prompts: int) -> None:
    """An extraction of random activations, written part by part."""
    ids = [f"{i:016x}" for i in range(n_prompts)]
    labels = [LABELS[i % len(LABELS)] for i in range(n_prompts)]
    prompts = store.partition("prompts", dataset=dataset, prompts_sha256="0" * 64)
    columns = {
        "prompt_id": ids,
        "topic": [f"topic {i // len(LABELS)}" for i in range(n_prompts)],
        "emotion": labels,
        "text": [f"text {i} ." for i in range(n_prompts)],
    }
    constant = {"lang": "en", "role": "train", "n_copies": 1, "n_words": 3, "final_char": "."}
    repeated = {name: [value] * n_prompts for name, value in constant.items()}
    prompts.commit([prompts.write([table_of("prompts", columns | repeated)])])
    keys = {"dataset": dataset, "model": "large", "extraction_id": f"{dataset:0>16}"}
    activations, extractions = (store.partition(table, **keys) for table in ("activations", "extractions"))
    rng = np.random.default_rng(0)
    entries = []
    for start in range(0, n_prompts, PROMPTS_A_PART):
        part = slice(start, min(start + PROMPTS_A_PART, n_prompts))
        groups = (
            table_of(
                "activations",
                {
                    "pooling": ["last"] * len(ids[part]),
                    "layer": [layer] * len(ids[part]),
                    "prompt_id": ids[part],
                    "emotion": labels[part],
                    "n_tokens": [3] * len(ids[part]),
                    "activation": pa.FixedSizeListArray.from_arrays(
                        pa.array(rng.standard_normal(len(ids[part]) * WIDTH, dtype=np.float32)), WIDTH
                    ),
                },
                d_model=WIDTH,
            )
            for layer in range(LAYERS)
        )
        entries.append(activations.write(groups, part=f"last|{','.join(map(str, range(LAYERS)))}|{part.start}-{part.stop}"))
    made = activations.commit(entries, {"pairs": {"last": list(range(LAYERS))}})
    row = {
        **dict.fromkeys(TABLES["extractions"].nullable),
        "prompts_sha256": "0" * 64,
        "n_layers": LAYERS - 1,
        "d_model": WIDTH,
        "poolings": ["last"],
        "layers": list(range(LAYERS)),
        "n_prompts": n_prompts,
        "versions": "{}",
        "created_at": datetime.now(UTC),
        "status": "complete",
    }
    entry = extractions.write([table_of("extractions", {name: [value] for name, value in row.items()})])
    extractions.commit([entry], {"activations": made.fingerprint}, reads={"activations": activations.place})


def borrowed_statistics(store: Store) -> None:
    """Statistics of the large set as far as a plan sees: the rows are those of the small one, the origins its own.

    Their null needs inner products of all prompts, for which 100,000 are too many; here only finding them up to date counts.
    """
    for small in store.partitions("within_model_statistics", dataset="small") + store.partitions(
        "vector_quality", dataset="small"
    ):
        manifest = small.manifest()
        assert manifest is not None
        places = {
            name: place.replace("dataset=small", "dataset=large").replace(f"{'small':0>16}", f"{'large':0>16}")
            for name, place in manifest.reads.items()
        }
        inputs = manifest.inputs | {name: fingerprint_at(store, place) for name, place in places.items()}
        large = store.partition(small.table.name, dataset="large", model="large", extraction_id=f"{'large':0>16}")
        large.folder.mkdir(parents=True)
        for entry in manifest.files:
            shutil.copy(small.path_of(entry), large.folder / entry.name)
        large.commit(manifest.files, inputs, reads=places)


def fingerprint_at(store: Store, place: str) -> str | None:
    manifest = store.manifest_at(place)
    return manifest.fingerprint if manifest else None


def measured(*words: str, store: Path) -> dict:
    """One command as a process of its own: seconds, and the most memory that it held at once."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", "from emotion_cli.cli.app import main; main()", *words, "--store", str(store)],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"EMO_DRAWS": "50"},
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return {
        "command": "emo " + " ".join(words),
        "seconds": round(time.perf_counter() - started, 2),
        "max_rss_mib": round(usage.ru_maxrss / 1024),
    }


def run(options: argparse.Namespace) -> str:
    """A section of the results; nothing is measured where the disk has no room for it."""
    size = N_PROMPTS * LAYERS * WIDTH * 4
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < 3 * size:
        return f"## {NAME}\n\nNot measured: {free / 1e9:.0f} GB are free, {3 * size / 1e9:.0f} are needed."
    with tempfile.TemporaryDirectory(prefix="emo-bench-") as folder:
        store = Store(Path(folder) / "store")
        started = time.perf_counter()
        extraction(store, "large", N_PROMPTS)
        wrote = {
            "command": f"(writing {size / 1e9:.1f} GB)",
            "seconds": round(time.perf_counter() - started, 1),
            "max_rss_mib": "",
        }
        extraction(store, "small", 60)
        vectors = measured("vectors", "-d", "large", store=store.root)
        measured("compare", "-d", "small", store=store.root)
        borrowed_statistics(store)
        rows = [wrote, vectors]
        for words in (("tables",), ("compare", "-d", "large")):
            rows.append(min((measured(*words, store=store.root) for _ in range(options.runs)), key=lambda row: row["seconds"]))
        rows.append(measured("verify", store=store.root))
    lines = [f"| {row['command']} | {row['seconds']} | {row['max_rss_mib']} |" for row in rows]
    limits = (
        f"Limits: `emo tables` and `emo compare` {LIMITS['seconds']:.0f} s (fastest of {options.runs} runs), `emo vectors` "
        f"{LIMITS['bytes'] / 2**20:.0f} MiB."
    )
    return "\n".join([f"## {NAME}", "", "| command | seconds | most memory, MiB |", "| --- | ---: | ---: |", *lines, "", limits])
