"""Activations that no model made, of any number of prompts and labels: directions, topics and noise, imported into a store.

Files are written a layer and a part at a time, so memory holds one part.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PART = 10_000
"""Prompts of one file."""

DATASET, MODEL, POOLING = "made", "made-up", "mean"


def labels_of(n_labels: int) -> list[str]:
    """The names of so many labels; the last is neutral."""
    return [*(f"emotion {i:03d}" for i in range(n_labels - 1)), "neutral"]


def store_made(root: Path, *, topics: int, labels: int, layers: int, width: int) -> Path:
    """The same store, made in a process of its own: the peak memory of a process starts with that of the one that starts it."""
    sizes = [str(number) for number in (topics, labels, layers, width)]
    subprocess.run([sys.executable, "-m", "bench.made", str(root), *sizes], check=True)
    return root / "store"


def import_made(root: Path, *, topics: int, labels: int, layers: int, width: int) -> Path:
    """A store with a model's activations of topics x labels prompts at some layers."""
    from emotion_cli.exchange.importing import Declared, import_activations
    from warehouse.store import Store

    folder, store = root / "files", root / "store"
    folder.mkdir()
    paths = _written(folder, topics=topics, labels=labels, layers=layers, width=width)
    declared = Declared(n_layers=max(1, layers - 1))
    import_activations(Store(store), paths, dataset=DATASET, model=MODEL, declared=declared, create_dataset=True)
    for path in paths:
        path.unlink()
    return store


def _written(folder: Path, *, topics: int, labels: int, layers: int, width: int) -> list[Path]:
    names = labels_of(labels)
    topic, code = (part.ravel() for part in np.mgrid[0:topics, 0:labels])
    paths = []
    for layer in range(layers):
        rng = np.random.default_rng([layer, topics, labels, width])
        means = rng.normal(size=(labels, width)).astype(np.float32) * 0.3
        for start in range(0, len(topic), PART):
            chosen = slice(start, start + PART)
            # the same shift for all prompts of a topic, whatever part they are in
            shifts = {int(t): np.random.default_rng([layer, int(t)]).normal(size=width) for t in np.unique(topic[chosen])}
            rows = means[code[chosen]] + np.array([shifts[int(t)] for t in topic[chosen]], np.float32)
            rows += rng.normal(size=rows.shape).astype(np.float32)
            texts = [f"{names[c]} on topic {t}" for c, t in zip(code[chosen].tolist(), topic[chosen].tolist(), strict=True)]
            table = pa.table(
                {
                    "text": texts,
                    "emotion": [names[c] for c in code[chosen].tolist()],
                    "topic": [f"topic {t}" for t in topic[chosen].tolist()],
                    "pooling": [POOLING] * len(texts),
                    "layer": pa.array([layer] * len(texts), pa.int32()),
                    "activation": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), width),
                }
            )
            paths.append(folder / f"{layer:03d}-{start:07d}.parquet")
            pq.write_table(table, paths[-1])
    return paths


if __name__ == "__main__":
    _topics, _labels, _layers, _width = map(int, sys.argv[2:])
    import_made(Path(sys.argv[1]), topics=_topics, labels=_labels, layers=_layers, width=_width)
