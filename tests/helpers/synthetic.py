"""Synthetic models whose truth is known, imported into a store like any other engine's activations, and compared."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from emotion_cli import pipeline
from emotion_cli.exchange.importing import Declared, import_activations
from emotion_cli.job.extractions import extractions_in_store
from emotion_cli.job.job import Job
from emotion_cli.settings import Settings
from warehouse.catalog import Catalog
from warehouse.store import Store

LABELS = ("anger", "apology", "gratitude", "neutral")
EMOTIONS = LABELS[:3]


def labels_of(topics: int) -> np.ndarray:
    return np.array(LABELS * topics)


def topics_of(topics: int) -> np.ndarray:
    return np.array([f"topic {i:03d}" for i in range(topics) for _ in LABELS])


def by_label(means: dict[str, np.ndarray], topics: int, width: int) -> np.ndarray:
    """The mean of each prompt's label [prompt, width]; zero where none is given."""
    return np.array([means.get(label, np.zeros(width)) for label in labels_of(topics)])


def add_model(
    store: Store, name: str, layers: list[np.ndarray], topics: int, dataset: str = "synthetic", *, with_topics: bool = True
) -> None:
    """Import [prompt, width] rows as layers 0, 1, ... of a model."""
    labels, names = labels_of(topics), topics_of(topics)
    flat = np.concatenate(layers).astype(np.float32)
    n = len(layers)
    table = pa.table(
        {
            "text": [f"{label} about {topic}" for label, topic in zip(labels, names, strict=True)] * n,
            "emotion": list(labels) * n,
            "topic": pa.array((list(names) if with_topics else [None] * len(names)) * n, pa.string()),
            "pooling": ["last"] * len(flat),
            "layer": [layer for layer in range(n) for _ in labels],
            "activation": pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1]),
        }
    )
    import_activations(
        store, [table], dataset=dataset, model=name, declared=Declared(n_layers=max(1, n - 1)), create_dataset=True
    )


def compared(folder: Path, models: dict[str, list[np.ndarray]], topics: int, **settings) -> Catalog:
    store = Store(folder)
    for name, layers in models.items():
        add_model(store, name, layers, topics)
    chosen = Settings(store=folder, dataset=("synthetic",), **settings)
    job = Job(store, chosen, extractions_in_store(store, chosen))
    pipeline.run(job, pipeline.stages("vectors", "compare"))
    return Catalog(store)
