"""The controls of an extraction in the store: the same prompts under what stands for its model and knows words only."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from emotion_cli.errors import UsageError
from emotion_cli.job.comparisons import refuse_incomparable
from emotion_cli.job.extractions import COMPLETE, SAME_SETTINGS, Extraction, extractions_of_test_sets
from emotion_cli.job.job import Job
from emotion_cli.job.layers import inner_products
from emotion_cli.job.variants import Variant
from emotion_cli.measures.gram import Gram
from emotion_cli.models.sources.controls import CONTROLS, DEFAULT_WORDS, WITHOUT_PASSES, WORDS, hash_of
from warehouse.store import Store

MADE_ALIKE = tuple(name for name in SAME_SETTINGS if name not in ("weights_sha256", "tokenizer_sha256"))
"""Settings in which `untrained` must agree with its model; the others run no model."""


def controls_of(store: Store, extraction: Extraction) -> dict[str, Extraction]:
    """The newest extraction of each kind of control of a model, over the same prompts, made of the same weights and alike."""
    described = extraction.partition(store, "extractions")
    if extraction.control or described.manifest() is None:
        return {}
    (model,) = described.read(["prompts_sha256", *SAME_SETTINGS]).to_pylist()
    known = {}
    for kind in CONTROLS:
        name = DEFAULT_WORDS if kind == WORDS else f"{kind}:{extraction.model}"
        partitions = store.partitions("extractions", dataset=extraction.dataset, model=name)
        candidates = [
            (row["created_at"], partition.keys["extraction_id"])
            for partition in partitions
            for row in partition.read(["prompts_sha256", "created_at", "status", *SAME_SETTINGS]).to_pylist()
            if row["status"] == COMPLETE and _is_control_of(kind, row, model)
        ]
        if candidates:
            _, extraction_id = max(candidates)
            known[kind] = Extraction(extraction.dataset, extraction.role, model["prompts_sha256"], name, extraction_id)
    return known


def _is_control_of(kind: str, row: Mapping, model: Mapping) -> bool:
    if row["prompts_sha256"] != model["prompts_sha256"]:
        return False
    if kind == WORDS:
        return True
    made_of = hash_of(kind, (model["weights_sha256"], model["tokenizer_sha256"]))
    # NULL where no model runs
    return row["weights_sha256"] == made_of and all(row[name] in (None, model[name]) for name in MADE_ALIKE)


def rivals_of(store: Store, kinds: Sequence[str], *extractions: Extraction) -> dict[str, list[Extraction]]:
    """The controls of these kinds that all of some models have, one for each model, by kind."""
    known = [controls_of(store, extraction) for extraction in extractions]
    return {kind: [of_model[kind] for of_model in known] for kind in kinds if all(kind in of_model for of_model in known)}


def control_pairs(store: Store, controls: Sequence[Extraction]) -> Iterator[tuple[Extraction, Extraction]]:
    """Every two controls of one kind, over the same prompts and made alike, in the order of their names."""
    for a, b in combinations(sorted(controls, key=lambda extraction: extraction.model), 2):
        if a.control == b.control and a.model != b.model and _comparable(store, a, b):
            yield a, b


def _comparable(store: Store, a: Extraction, b: Extraction) -> bool:
    if not (a.has_passes and b.has_passes):
        return a.prompts_sha256 == b.prompts_sha256
    try:
        refuse_incomparable(store, a, b)
    except UsageError:
        return False  # a control in the store that was made otherwise stands beside nothing
    return True


def grams_of_controls(job: Job, extraction: Extraction, variant: Variant, all_ids: Sequence[tuple[str, str]]) -> dict[str, Gram]:
    """The Gram of each control over the prompts with these ids, in their order, or over the training set's alone.

    A control that lacks a prompt of the training set is left out, with a note.
    """
    n_train = sum(dataset == extraction.dataset for dataset, _ in all_ids)
    grams = {}
    for kind, (control,) in rivals_of(job.store, WITHOUT_PASSES, extraction).items():
        inner = inner_products(job, control, variant, tests=extractions_of_test_sets(job.store, control))
        (gram_of_all,) = inner.grams.values()
        place = {prompt: i for i, prompt in enumerate(inner.all_ids)}
        wanted = [all_ids, all_ids[:n_train]]
        usable = next((prompts for prompts in wanted if place.keys() >= set(prompts)), None)
        if usable is None:
            job.listener.note(f"{extraction.subject}: {control.model} lacks some of its prompts, so it is no rival")
        else:
            grams[kind] = gram_of_all.of(np.array([place[prompt] for prompt in usable]))
    return grams
