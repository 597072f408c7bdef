"""Stored activations of one layer as rows that are read in batches: unpacked once into a file without a name."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from emotion_cli.job.controls import rivals_of
from emotion_cli.job.extractions import Extraction, extractions_of_test_sets, pairs_of
from emotion_cli.job.job import Job
from emotion_cli.job.layers import matrix, texts_of
from emotion_cli.job.membership import membership_of
from emotion_cli.job.variants import Variant, refuse_labels, unchecked_labels
from emotion_cli.measures.inference.resampling import units_of
from emotion_cli.measures.labels import Labels
from emotion_cli.measures.streamed.limits import (
    MOST_CLASSIFIED,
    MOST_PERMUTED,
    MOST_SAMPLED,
    PERMUTED_NORMAL,
    PERMUTED_SAMPLE,
    is_large,
)
from emotion_cli.measures.streamed.preparing import prepared
from emotion_cli.measures.streamed.rows import Rows, reading_order
from emotion_cli.measures.within.separability import HeldOut
from emotion_cli.models.sources.controls import WITHOUT_PASSES
from emotion_cli.wording import counted
from warehouse.store import Partition


class Streamed(NamedTuple):
    """The prompts of an extraction with one pooling, as they are stored: ids, labels with topics and clusters, the layers."""

    prompt_ids: list[str]
    labels: Labels
    layers: list[int]

    @property
    def units(self) -> np.ndarray:
        """What is resampled as a whole [prompt], as numbers."""
        return units_of(self.labels.topics, self.labels.clusters)


def labels_stored(activations: Partition, pooling: str, layer: int) -> tuple[list[str], list[str]]:
    """Ids and labels of the prompts with this pooling, as they are stored."""
    rows = activations.read(["prompt_id", "emotion"], pooling=pooling, layer=layer)
    return rows["prompt_id"].to_pylist(), rows["emotion"].to_pylist()


def streamed(job: Job, extraction: Extraction, variant: Variant) -> Streamed | None:
    """The prompts of an extraction where its statistics are streamed; None where they are few.

    UsageError where the labels make no direction.
    """
    activations, pooling = extraction.partition(job.store, "activations"), extraction.stored_pooling(variant.pooling)
    _, labels = labels_stored(activations, pooling, pairs_of(activations)[pooling][0])
    if not is_large(len(labels), len(set(labels))):
        return None
    known = as_stored(job, extraction, variant)
    refuse_labels(known.labels, job.settings, variant, extraction.subject)
    return known


def as_stored(job: Job, extraction: Extraction, variant: Variant) -> Streamed:
    """The prompts of an extraction, however many there are."""
    activations, pooling = extraction.partition(job.store, "activations"), extraction.stored_pooling(variant.pooling)
    layers = pairs_of(activations)[pooling]
    prompt_ids, labels = labels_stored(activations, pooling, layers[0])
    member = membership_of([extraction.prompts(job.store)], prompt_ids)
    made_of = unchecked_labels(labels, member.topics, job.settings, variant)
    return Streamed(prompt_ids, replace(made_of, clusters=member.clusters), layers)


def note_of(extraction: Extraction, known: Streamed) -> str:
    """What is said, where vectors are made, of all statistics that are streamed."""
    n_labels = counted(len(set(known.labels.labels)), "label")
    return (
        f"{extraction.subject}: {counted(len(known.prompt_ids), 'prompt')} and {n_labels}, so layers are read in batches. "
        "A value is that of all prompts where n_sampled is NULL. Words and surface are measured on a sample of "
        f"{MOST_SAMPLED:,} prompts a direction, a classifier on {MOST_CLASSIFIED}. null_kind says how a null was made: "
        f"{PERMUTED_SAMPLE} is of labels permuted among {MOST_PERMUTED} prompts, and {PERMUTED_NORMAL} is the limit of many"
    )


@contextmanager
def stored_rows(
    job: Job, activations: Partition, pooling: str, layer: int, prompt_ids: Sequence[str], units: np.ndarray
) -> Iterator[Rows]:
    """The rows of some prompts at a layer, as they are stored; `units` [prompt] are kept together."""
    order, ends = reading_order(units)
    place = {prompt_ids[prompt]: i for i, prompt in enumerate(order.tolist())}
    # in the store, which has room for activations, and with no name that could be left behind
    with tempfile.TemporaryFile(dir=job.store.root) as file:
        width = 0
        for rows in activations.read_files(["prompt_id", "activation"], pooling=pooling, layer=layer):
            if not rows.num_rows:
                continue
            vectors = matrix(rows["activation"].combine_chunks())
            width = vectors.shape[1]
            for prompt_id, vector in zip(rows["prompt_id"].to_pylist(), vectors, strict=True):
                at = place.get(prompt_id)
                if at is not None:
                    os.pwrite(file.fileno(), vector, at * vector.nbytes)
        yield _Spilled(file.fileno(), order, ends, width)


@contextmanager
def layer_rows(job: Job, extraction: Extraction, variant: Variant, known: Streamed, layer: int) -> Iterator[Rows]:
    """The rows of an extraction at a layer as the variant's method prepares them, whitening aside."""
    activations, pooling = extraction.partition(job.store, "activations"), extraction.stored_pooling(variant.pooling)
    with stored_rows(job, activations, pooling, layer, known.prompt_ids, known.units) as rows:
        yield prepared(rows, variant.method, np.asarray(known.labels.labels) == job.settings.neutral)


@contextmanager
def rows_of_controls(job: Job, extraction: Extraction, variant: Variant, known: Streamed) -> Iterator[dict[str, Rows]]:
    """The rows of each control without passes over the same prompts, by kind; with a note of each that lacks one."""
    with ExitStack() as stack:
        rows = {}
        for kind, (control,) in rivals_of(job.store, WITHOUT_PASSES, extraction).items():
            activations, pooling = control.partition(job.store, "activations"), control.stored_pooling(variant.pooling)
            (layer,) = pairs_of(activations)[pooling]
            stored, _ = labels_stored(activations, pooling, layer)
            if not {*known.prompt_ids} <= {*stored}:
                job.listener.note(f"{extraction.subject}: {control.model} lacks some of its prompts, so it is no rival")
            else:
                rows[kind] = stack.enter_context(layer_rows(job, control, variant, known, layer))
        yield rows


class StoredTest(NamedTuple):
    """A test set under the same model: its extraction, the ids of its prompts, and what is known of them."""

    extraction: Extraction
    prompt_ids: list[str]
    held_out: HeldOut


def tests_with(job: Job, extraction: Extraction, variant: Variant, layers: Sequence[int]) -> list[StoredTest]:
    """The test sets of an extraction that have all its layers; their rows are given with each layer."""
    tests = []
    for test in extractions_of_test_sets(job.store, extraction):
        activations, pooling = test.partition(job.store, "activations"), extraction.stored_pooling(variant.pooling)
        if not {*layers} <= {*pairs_of(activations).get(pooling, [])}:
            continue
        prompt_ids, labels = labels_stored(activations, pooling, layers[0])
        topics, clusters = membership_of([test.prompts(job.store)], prompt_ids)
        texts = texts_of(job, test, prompt_ids)
        held_out = HeldOut(test.dataset, np.arange(len(labels)), labels, topics, texts, clusters)
        tests.append(StoredTest(test, prompt_ids, held_out))
    return tests


@contextmanager
def rows_of_tests(job: Job, pooling: str, tests: Sequence[StoredTest], layer: int) -> Iterator[list[Rows]]:
    """The stored rows of each of these test sets at a layer."""
    with ExitStack() as stack:
        rows = []
        for test in tests:
            activations, units = test.extraction.partition(job.store, "activations"), np.arange(len(test.prompt_ids))
            rows.append(stack.enter_context(stored_rows(job, activations, pooling, layer, test.prompt_ids, units)))
        yield rows


class _Spilled(Rows):
    """Rows in a file in single precision."""

    def __init__(self, descriptor: int, order: np.ndarray, ends: np.ndarray, width: int) -> None:
        super().__init__(order, ends, width)
        self._descriptor = descriptor

    def _read(self, start: int, stop: int) -> np.ndarray:
        size = 4 * self.width
        read = os.pread(self._descriptor, (stop - start) * size, start * size)
        return np.frombuffer(read, np.float32).reshape(stop - start, self.width)
