"""Activations to directions: one part for each method, reference and pooling."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from emotion_cli.job.extractions import Extraction, pairs_of
from emotion_cli.job.job import Job, Task, parts_task
from emotion_cli.job.layers import averaged_layers, prepare, read_layer
from emotion_cli.job.streams import Streamed, layer_rows, note_of, streamed
from emotion_cli.job.variants import Variant, caveat, checked_labels, variant_of, variants_with_vectors
from emotion_cli.measures.directions import METHODS, Direction, directions
from emotion_cli.measures.streamed.preparing import directions as streamed_directions
from emotion_cli.measures.whitening import as_read
from warehouse.store import table_of


def tasks(job: Job) -> list[Task]:
    """One task for each extraction with activations, those of controls too; none where no method asked for makes vectors."""
    tasks_with_parts = ((extraction, variants_with_vectors(job, extraction)) for extraction in job.measured)
    return [_task(job, extraction, chosen) for extraction, chosen in tasks_with_parts if chosen]


def _task(job: Job, extraction: Extraction, chosen: Sequence[Variant]) -> Task:
    activations = extraction.partition(job.store, "activations")
    return parts_task(
        "vectors",
        extraction.subject,
        extraction.partition(job.store, "vectors"),
        reads={"activations": activations},
        inputs={"neutral": job.settings.neutral, "over_layers": job.settings.over_layers},
        part_names=[variant.part for variant in chosen],
        make=lambda job, part: _part(job, extraction, variant_of(part)),
    )


def _directions(job: Job, extraction: Extraction, variant: Variant, layer: int, known: Streamed | None) -> list[Direction]:
    if known is not None:
        with layer_rows(job, extraction, variant, known, layer) as stored:
            return streamed_directions(stored, known.labels, variant.method)
    activations, settings = extraction.partition(job.store, "activations"), job.settings
    rows = read_layer(activations, variant.pooling, layer)
    # a direction needs no topics
    labels = checked_labels(rows.labels, [None] * len(rows.labels), settings, variant, extraction.subject)
    prepared = prepare(rows, settings, variant)
    made = directions(prepared, labels)
    return as_read(prepared, made) if METHODS[variant.method].whitens else made


def _part(job: Job, extraction: Extraction, variant: Variant) -> pa.Table:
    store, settings = job.store, job.settings
    warning = caveat(store, extraction, variant.method)
    if warning:
        job.listener.note(warning)
    activations, known = extraction.partition(store, "activations"), streamed(job, extraction, variant)
    if known is not None:
        job.listener.note(note_of(extraction, known))
    rows: list[tuple[int, Direction]] = []
    for layer in pairs_of(activations)[variant.pooling]:
        # in a function, so that a layer's activations are freed before the next are read
        made = _directions(job, extraction, variant, layer, known)
        rows += [(layer, direction) for direction in made]
    averaged = averaged_layers(store, settings, extraction, [layer for layer, _ in rows])
    d_model = len(rows[0][1].vector)
    flat = np.concatenate([direction.vector for _, direction in rows]).astype(np.float32)
    measured = ("emotion", "n_emotion", "n_reference", "l1_norm", "l2_norm", "relative_norm")
    return table_of(
        "vectors",
        {
            **{name: [value] * len(rows) for name, value in (variant._asdict() | {"d_model": d_model}).items()},
            **{name: [getattr(direction, name) for _, direction in rows] for name in measured},
            "layer": [layer for layer, _ in rows],
            "averaged": [layer in averaged for layer, _ in rows],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(flat), d_model),
        },
        d_model=d_model,
    )
