"""Stored activations as arrays and inner products, one layer in memory at a time."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.errors import UsageError
from emotion_cli.job.comparisons import Shared
from emotion_cli.job.extractions import Extraction, depth, pairs_of
from emotion_cli.job.job import Job
from emotion_cli.job.membership import membership_of
from emotion_cli.job.variants import Variant, checked_labels
from emotion_cli.measures.between.geometry import Matrices, correlations_of
from emotion_cli.measures.between.space import Space, space_of
from emotion_cli.measures.directions import METHODS
from emotion_cli.measures.gram import Gram, gram
from emotion_cli.measures.inference.sampling import generator
from emotion_cli.measures.labels import Labels
from emotion_cli.measures.whitening import whitened
from emotion_cli.measures.within.bag_of_words import Texts
from emotion_cli.measures.within.separability import HeldOut
from emotion_cli.prompts.scripts import word_tokens
from emotion_cli.settings import LAYER_RANGES, Settings
from warehouse.store import Partition, Store


class LayerRows(NamedTuple):
    """One layer of one pooling: prompt ids, labels, and activations [prompt, d_model]."""

    prompt_ids: list[str]
    labels: list[str]
    activations: np.ndarray


def read_layer(activations: Partition, pooling: str, layer: int) -> LayerRows:
    """The stored activations of one layer, in the order in which prompts were stored."""
    rows = activations.read(["prompt_id", "emotion", "activation"], pooling=pooling, layer=layer)
    vectors = rows["activation"].combine_chunks()
    return LayerRows(rows["prompt_id"].to_pylist(), rows["emotion"].to_pylist(), matrix(vectors))


def prepare(rows: LayerRows, settings: Settings, variant: Variant) -> np.ndarray:
    """The activations of a layer as the variant's method wants them [prompt, d_model], float64."""
    return METHODS[variant.method].prepare(rows.activations, np.asarray(rows.labels) == settings.neutral)


def averaged_layers(store: Store, settings: Settings, extraction: Extraction, layers: Iterable[int]) -> set[int]:
    """Those of `layers` that means over layers cover."""
    n_layers = depth(store, extraction)
    if n_layers is not None:
        return set(layers) & set(LAYER_RANGES[settings.over_layers](n_layers))
    if settings.over_layers != "resid_post":
        message = f"{extraction.subject}: its depth is unknown, so {settings.over_layers} does not say which layer is last"
        raise UsageError(message, hint="--over-layers resid_post")
    return {layer for layer in layers if layer > 0}


def matrix(vectors: pa.FixedSizeListArray) -> np.ndarray:
    """A column of vectors as [row, d_model]."""
    return vectors.flatten().to_numpy().reshape(len(vectors), vectors.type.list_size)


class Layers:
    """The layers of one model over shared prompts, each read once and kept as matrices of [prompt, prompt] only."""

    def __init__(self, job: Job, extraction: Extraction, variant: Variant, shared: Shared) -> None:
        self._job, self._extraction, self._variant, self._shared = job, extraction, variant, shared
        self._spaces: dict[int, Space] = {}
        self._correlations: dict[int, np.ndarray] = {}

    def space(self, layer: int) -> Space:
        """Inner products of a layer's prompts."""
        self._read(layer)
        return self._spaces[layer]

    def matrices(self, layer: int) -> Matrices:
        """Inner products and correlations of a layer's prompts."""
        self._read(layer)
        return Matrices(self._spaces[layer].gram, self._correlations[layer])

    def rows(self, layer: int) -> np.ndarray:
        """Prepared activations [prompt, d_model] of a layer, in the order of the shared prompts."""
        pooling = self._extraction.stored_pooling(self._variant.pooling)
        stored = read_layer(self._extraction.partition(self._job.store, "activations"), pooling, layer)
        place = {prompt_id: i for i, prompt_id in enumerate(stored.prompt_ids)}
        return prepare(stored, self._job.settings, self._variant)[[place[prompt_id] for prompt_id in self._shared.prompt_ids]]

    def has_all(self, layers: Collection[int]) -> bool:
        """Whether every shared prompt has a row at these layers; where no model runs, at the one layer."""
        extraction, pooling = self._extraction, self._extraction.stored_pooling(self._variant.pooling)
        partition = extraction.partition(self._job.store, "activations")
        needed, stored = {*layers} if extraction.has_passes else {0}, pairs_of(partition).get(pooling, [])
        if not needed <= {*stored}:
            return False
        rows = partition.read(["prompt_id"], pooling=pooling, layer=min(needed))
        return {*self._shared.prompt_ids} <= {*rows["prompt_id"].to_pylist()}

    def _read(self, layer: int) -> None:
        if layer not in self._spaces:
            rows = self.rows(layer)
            self._spaces[layer] = space_of(rows @ rows.T)
            self._correlations[layer] = correlations_of(rows)


class Inner(NamedTuple):
    """Grams by layer over a training set's prompts, then those of test sets; ids and labels of the first; the test sets.

    `all_ids` are those of every prompt in the Grams, each with its dataset.
    """

    grams: dict[int, Gram]
    prompt_ids: list[str]
    labels: Labels
    held_out: list[HeldOut]
    all_ids: list[tuple[str, str]]


def inner_products(
    job: Job, extraction: Extraction, variant: Variant, *, tests: Sequence[Extraction] = (), n_random: int = 0
) -> Inner:
    """Grams of every layer of a variant; with `n_random` Gaussian directions, the same for every layer of a width.

    UsageError where the training set's labels make no direction.
    """
    pooling = extraction.stored_pooling(variant.pooling)
    layers = pairs_of(extraction.partition(job.store, "activations"))[pooling]
    # a test set that lacks a layer takes no part: curves over layers must rest on the same prompts
    tests = [test for test in tests if set(layers) <= set(_layers(job, test, pooling))]
    grams: dict[int, Gram] = {}
    first: list[LayerRows] = []
    gaussian = None
    for layer in layers:
        sets = [read_layer(source.partition(job.store, "activations"), pooling, layer) for source in (extraction, *tests)]
        first = first or sets
        n_train, width = sets[0].activations.shape
        if n_random and gaussian is None:
            gaussian = gaussian_directions(job, width, n_random)
        made = gram(_prepared(sets, job, variant), n_train, gaussian)
        grams[layer] = whitened(made, n_train, width) if METHODS[variant.method].whitens else made
    held_out, start = [], len(first[0].labels)
    for test, rows in zip(tests, first[1:], strict=True):
        places = np.arange(start, start + len(rows.labels))
        topics, clusters = membership_of([test.prompts(job.store)], rows.prompt_ids)
        texts = texts_of(job, test, rows.prompt_ids)
        held_out.append(HeldOut(test.dataset, places, rows.labels, topics, texts, clusters))
        start += len(rows.labels)
    ids = first[0].prompt_ids
    member = membership_of([extraction.prompts(job.store)], ids)
    labels = checked_labels(first[0].labels, member.topics, job.settings, variant, extraction.subject)
    all_ids = [
        (source.dataset, prompt_id)
        for source, rows in zip((extraction, *tests), first, strict=True)
        for prompt_id in rows.prompt_ids
    ]
    return Inner(grams, ids, replace(labels, clusters=member.clusters), held_out, all_ids)


def gaussian_directions(job: Job, width: int, n: int) -> np.ndarray:
    """Random directions [width, n], the same for every layer of a width."""
    return generator(job.settings.seed, "gaussian", str(width)).normal(size=(width, n))


def texts_of(job: Job, extraction: Extraction, prompt_ids: Sequence[str]) -> Texts:
    """The text and the words of each prompt."""
    prompts = extraction.prompts(job.store).read(["prompt_id", "text"]).to_pydict()
    known = dict(zip(prompts["prompt_id"], prompts["text"], strict=True))
    return bag_of([known[prompt_id] for prompt_id in prompt_ids])


def bag_of(texts: Sequence[str]) -> Texts:
    """Texts with their words."""
    return Texts(tuple(texts), tuple(tuple(word_tokens(text)) for text in texts))


def _layers(job: Job, extraction: Extraction, pooling: str) -> list[int]:
    return pairs_of(extraction.partition(job.store, "activations")).get(pooling, [])


def _prepared(rows: Sequence[LayerRows], job: Job, variant: Variant) -> np.ndarray:
    """Rows of all sets as the method wants them; what it learns of neutral prompts, it learns of the training set's."""
    train, *tests = rows
    if not tests:
        return prepare(train, job.settings, variant)
    stacked = LayerRows(
        [prompt_id for part in rows for prompt_id in part.prompt_ids],
        # a test set's neutral prompts are hidden from the method
        [*train.labels, *(label if label != job.settings.neutral else "" for test in tests for label in test.labels)],
        np.concatenate([part.activations for part in rows]),
    )
    return prepare(stacked, job.settings, variant)
