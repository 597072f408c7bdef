"""A large store: 100,000 prompts x 31 layers x 576, some 7 GB: time and memory of commands and of the Python API, sizes of files.

`python -m bench store`; it needs 3 times the size free.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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
    """A command of emo as a process of its own: seconds, and the most memory that it held at once."""
    shown = f"emo {shlex.join(words)}".replace(str(store.parent), "DIR")
    return run_script(shown, "from emotion_cli.cli.app import main; main()", *words, "--store", str(store))


def run_script(shown: str, script: str, *words: str) -> dict:
    """A Python script as a process of its own, measured in the same way."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"EMO_DRAWS": "50"},
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return {
        "command": shown,
        "seconds": round(time.perf_counter() - started, 2),
        "max_rss_mib": round(usage.ru_maxrss / 1024),
    }


def queries(folder: Path) -> list[tuple[str, ...]]:
    """Arguments of `emo sql`: rows that are counted, one prompt, a join of all, and a layer as a file."""
    joined = "join extractions using (extraction_id) join prompts on prompts.prompt_id = activations.prompt_id"
    same_set = "and prompts.dataset = activations.dataset and prompts.prompts_sha256 = extractions.prompts_sha256"
    return [
        ("select layer, emotion, count(*) from activations group by all",),
        ("select layer, l2_norm(activation) from activations where prompt_id = '000000000000002a'",),
        (f"select topic, count(*) from activations {joined} {same_set} group by all limit 10",),
        ("select * from activations where layer = 18", "--force", "-o", str(folder / "layer.parquet")),
    ]


API = (
    "results.vectors(dataset='large')",
    "results.sql('best_layers_by_emotion')",
    "results.sql('select * from activations where layer = 18')",
)
"""Lines of Python that are measured with their start; `results` is the opened store."""


def fastest(runs: int, measure: Callable[[], dict]) -> dict:
    """The run that took the least time."""
    return min((measure() for _ in range(runs)), key=lambda row: row["seconds"])


def size_of(path: Path) -> str:
    """The size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    total = sum(file.stat().st_size for file in files)
    return f"{total / 1e9:.2f} GB" if total > 1e8 else f"{total / 1e6:.1f} MB"


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
        for words in (("tables",), ("compare", "-d", "large"), *(("sql", *query) for query in queries(Path(folder)))):
            rows.append(fastest(options.runs, lambda words=words: measured(*words, store=store.root)))
        for line in API:
            script = f"import sys, emotion_cli as emo; results = emo.open(sys.argv[1]); {line}"
            rows.append(fastest(options.runs, lambda line=line, script=script: run_script(line, script, str(store.root))))
        files = {name: Path(folder) / f"{name}.duckdb" for name in ("views", "rows")}
        rows.append(fastest(options.runs, lambda: measured("catalog", "--force", str(files["views"]), store=store.root)))
        rows.append(measured("catalog", "--materialize", str(files["rows"]), store=store.root))
        rows.append(measured("verify", store=store.root))
        written = {name: size_of(path) for name, path in files.items()}
        sizes = (
            f"The store has {size_of(store.root)}. The file of `emo catalog` has {written['views']}, with `--materialize` "
            f"{written['rows']}."
        )
    lines = [f"| {row['command']} | {row['seconds']} | {row['max_rss_mib']} |" for row in rows]
    limits = (
        f"Seconds are of whole processes, the fastest of {options.runs} runs for all but the long ones. Limits: `emo tables` and "
        f"`emo compare` {LIMITS['seconds']:.0f} s, `emo vectors` "
        f"{LIMITS['bytes'] / 2**20:.0f} MiB."
    )
    head = ["| command | seconds | most memory, MiB |", "| --- | ---: | ---: |"]
    return "\n".join([f"## {NAME}", "", sizes, "", *head, *lines, "", limits])
