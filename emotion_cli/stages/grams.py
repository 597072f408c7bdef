"""Stored activations to the inner products that all statistics within a model are made of, one layer in memory at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.gram import Gram, gram
from emotion_cli.measures.quality import HeldOut
from emotion_cli.measures.resampling import generator
from emotion_cli.stages.extract import pairs_of
from emotion_cli.stages.job import Job
from emotion_cli.stages.scope import Scope
from emotion_cli.stages.vectors import LayerRows, Variant, prepare, read_layer


class Inner(NamedTuple):
    """Grams by layer over a training set's prompts, then those of test sets; what the first are; the test sets."""

    grams: dict[int, Gram]
    prompt_ids: list[str]
    labels: list[str]
    topics: list[str | None]
    held_out: list[HeldOut]


def inner_products(job: Job, scope: Scope, variant: Variant, *, tests: Sequence[Scope] = (), n_random: int = 0) -> Inner:
    """Grams of every layer of a variant; with `n_random` Gaussian directions, the same for every layer of a width."""
    layers = pairs_of(scope.partition(job.store, "activations"))[variant.pooling]
    # a test set that lacks a layer takes no part: curves over layers must rest on the same prompts
    tests = [test for test in tests if set(layers) <= set(_layers(job, test, variant))]
    grams: dict[int, Gram] = {}
    read: list[LayerRows] = []
    gaussian = None
    for layer in layers:
        own = [read_layer(one.partition(job.store, "activations"), variant.pooling, layer) for one in (scope, *tests)]
        read = read or own
        n_train, width = own[0].activations.shape
        if n_random and gaussian is None:
            gaussian = generator(job.settings.seed, "gaussian", str(width)).normal(size=(width, n_random))
        grams[layer] = gram(_prepared(own, job, variant), n_train, gaussian)
    held_out, start = [], len(read[0].labels)
    for test, rows in zip(tests, read[1:], strict=True):
        held_out.append(HeldOut(np.arange(start, start + len(rows.labels)), rows.labels, topics_of(job, test, rows.prompt_ids)))
        start += len(rows.labels)
    return Inner(grams, read[0].prompt_ids, read[0].labels, topics_of(job, scope, read[0].prompt_ids), held_out)


def topics_of(job: Job, scope: Scope, prompt_ids: Sequence[str]) -> list[str | None]:
    """The topic of each prompt."""
    prompts = scope.prompts(job.store).read(["prompt_id", "topic"]).to_pydict()
    known = dict(zip(prompts["prompt_id"], prompts["topic"], strict=True))
    return [known[prompt_id] for prompt_id in prompt_ids]


def _layers(job: Job, scope: Scope, variant: Variant) -> list[int]:
    return pairs_of(scope.partition(job.store, "activations")).get(variant.pooling, [])


def _prepared(rows: Sequence[LayerRows], job: Job, variant: Variant) -> np.ndarray:
    """Rows of all sets as the method wants them; what it learns of neutral prompts, it learns of the training set's."""
    train, *tests = rows
    if not tests:
        return prepare(train, job.settings, variant)
    stacked = LayerRows(
        [prompt_id for one in rows for prompt_id in one.prompt_ids],
        # a test set's neutral prompts are hidden from the method
        [*train.labels, *(label if label != job.settings.neutral else "" for one in tests for label in one.labels)],
        np.concatenate([one.activations for one in rows]),
    )
    return prepare(stacked, job.settings, variant)
