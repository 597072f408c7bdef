"""Ways of making directions: method, reference and pooling, and which of them a job is about."""

from collections.abc import Sequence
from shlex import quote
from typing import NamedTuple

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.job.extractions import DEFAULT_POOLINGS, MEAN, WORD, Extraction, pairs_of
from emotion_cli.job.job import Job
from emotion_cli.job.known import no_reference
from emotion_cli.measures.directions import CENTRED, DEFAULT_METHODS, METHODS
from emotion_cli.measures.labels import OTHERS, Labels, emotions_of
from emotion_cli.models.sources.controls import WITHOUT_PASSES, kind_of
from emotion_cli.settings import Settings
from emotion_cli.suggestions import unknown
from warehouse.schema import About
from warehouse.store import Partition, Store


class Variant(NamedTuple):
    """How directions are made: method, reference and pooling; written as one part of a partition."""

    method: str
    reference: str
    pooling: str

    @property
    def part(self) -> str:
        """The variant as the name of a part."""
        return "/".join(self)


def part_shown(partition: Partition, variant: Variant) -> str:
    """The part of a partition that is about a variant; empty for the whole where a table knows no variants.

    What was run to change a model is shown with all its references.
    """
    is_by_variant = {*Variant._fields} <= {*partition.table.column_names} and partition.table.about is not About.run
    return variant.part if is_by_variant else ""


def variant_of(part: str) -> Variant:
    """The variant that a part's name stands for (a reference may hold a slash, the others may not)."""
    method, reference_and_pooling = part.split("/", 1)
    return Variant(method, *reference_and_pooling.rsplit("/", 1))


def methods(settings: Settings) -> tuple[str, ...]:
    """The method asked for; the default ones where none was. UsageError for an unknown one."""
    if settings.method not in METHODS:
        raise unknown("--method", settings.method, METHODS)
    is_named = "method" in settings.sources or settings.method != DEFAULT_METHODS[0]
    return (settings.method,) if is_named else DEFAULT_METHODS


def refuse_uncompared(settings: Settings) -> None:
    """UsageError where the method asked for only says whether there is a direction."""
    if not any(METHODS[method].is_compared for method in methods(settings)):
        raise UsageError(
            f"--method {settings.method}: only `emo vectors` takes it: it says whether there is a direction. "
            "Directions that are compared, drawn or exported are made with mean_difference",
            hint=f"emo vectors --best --method {settings.method}, then: emo sql direction_quality_by_method",
        )


def variants(settings: Settings, activations: Partition) -> list[Variant]:
    """The variants asked for whose directions are compared and shown. UsageError where there is none."""
    refuse_uncompared(settings)
    return _variants(settings, activations, [method for method in methods(settings) if METHODS[method].is_compared])


def variants_with_vectors(job: Job, extraction: Extraction) -> list[Variant]:
    """The variants asked for that make vectors."""
    return [variant for variant in variants_measured(job, extraction) if METHODS[variant.method].makes_vectors]


def variants_measured(job: Job, extraction: Extraction) -> list[Variant]:
    """The variants asked for, which all say whether there is a direction; of a control those that models are compared in."""
    chosen = [method for method in methods(job.settings) if extraction.control is None or METHODS[method].is_compared]
    return _variants(job.settings, extraction.partition(job.store, "activations"), chosen)


def _variants(settings: Settings, activations: Partition, chosen: Sequence[str]) -> list[Variant]:
    """Some methods with every pooling that is there, where none was named. UsageError for an unknown one."""
    stored = pairs_of(activations)
    refuse_words_against_a_label(settings)
    passes = kind_of(activations.keys["model"]) not in WITHOUT_PASSES
    poolings = (settings.pooling or sorted(stored) or DEFAULT_POOLINGS) if passes else (MEAN,)
    if settings.reference != OTHERS:
        # a store may hold what this reference cannot use
        poolings = [pooling for pooling in poolings if pooling != WORD]
    absent = [pooling for pooling in poolings if stored and pooling not in stored]
    if absent:
        keys = activations.keys
        hint = f"emo extract -d {quote(keys['dataset'])} -m {quote(keys['model'])} --pooling {absent[0]}"
        raise MissingError(f"{keys['dataset']}, {keys['model']}: no activations with pooling {absent[0]}", hint=hint)
    return [Variant(method, settings.reference, pooling) for method in chosen for pooling in poolings]


def shared_variants(job: Job, extractions: Sequence[Extraction]) -> list[Variant]:
    """The variants asked for that all of some extractions have, in the order of the first.

    A control without passes stands for every pooling beside a model.
    """
    extractions = [extraction for extraction in extractions if extraction.has_passes] or extractions
    first, *remaining = (variants(job.settings, extraction.partition(job.store, "activations")) for extraction in extractions)
    return [variant for variant in first if all(variant in available for available in remaining)]


def refuse_words_against_a_label(settings: Settings) -> None:
    """UsageError when pooling word is to be measured against a label: its prompts have none of an emotion's words."""
    if WORD in settings.pooling and settings.reference != OTHERS:
        raise UsageError(
            f"--pooling word: prompts labelled {settings.reference!r} have no emotion word to read", hint=f"--reference {OTHERS}"
        )


def variants_of(job: Job, extraction: Extraction) -> list[Variant]:
    """`variants` of an extraction, or those of its imported vectors. MissingError when none of them was asked for."""
    if extraction.has_activations:
        return variants(job.settings, extraction.partition(job.store, "activations"))
    settings, manifest = job.settings, extraction.partition(job.store, "vectors").manifest()
    imported = [variant_of(entry.part) for entry in manifest.files] if manifest else []
    matching = [
        variant
        for variant in imported
        if (variant.method, variant.reference) == (settings.method, settings.reference)
        and variant.pooling in (settings.pooling or [variant.pooling])
    ]
    if not matching:
        raise MissingError(
            f"{extraction.subject}: there are no vectors with method {settings.method}, reference {settings.reference}; "
            f"imported are {', '.join(variant.part for variant in imported) or 'none'}",
            hint="choose with --method, --reference and --pooling",
        )
    return matching


def caveat(store: Store, extraction: Extraction, method: str) -> str | None:
    """A warning about a method under a model: centring only has no effect where the model centres, too. None for a control."""
    if method not in CENTRED or extraction.control:
        return None
    row = extraction.partition(store, "extractions").read(["architecture", "ignores_mean"]).to_pylist()[0]
    if row["ignores_mean"]:
        return None
    known = "is unknown to" if row["ignores_mean"] is None else "does not"
    return (
        f"{extraction.model}: centred activations are all that a model reads which subtracts the mean first, as LayerNorm does; "
        f"{row['architecture'] or 'its architecture'} {known}, so {method} takes away something that the model does read"
    )


def unchecked_labels(labels: Sequence[str], topics: Sequence[str | None], settings: Settings, variant: Variant) -> Labels:
    """Prompts' labels under a variant: those that are neither neutral nor the reference are emotions."""
    emotions = [emotion for emotion in emotions_of(labels, settings.neutral) if emotion != variant.reference]
    return Labels(labels, topics, emotions, variant.reference)


def checked_labels(
    labels: Sequence[str], topics: Sequence[str | None], settings: Settings, variant: Variant, subject: str
) -> Labels:
    """Prompts' labels under a variant; UsageError where they make no direction."""
    made_of = unchecked_labels(labels, topics, settings, variant)
    refuse_labels(made_of, settings, variant, subject)
    return made_of


def refuse_labels(labels: Labels, settings: Settings, variant: Variant, subject: str) -> None:
    """UsageError when there is no prompt, the reference is no label, or too few labels are left."""
    if not labels.labels:
        raise UsageError(f"{subject}: no prompt has a token for pooling {variant.pooling}", hint=_hint_for_labels(variant))
    if variant.reference != OTHERS and variant.reference not in labels.labels:
        raise no_reference(settings, subject, labels.labels)
    if len(labels.emotions) < (2 if variant.reference == OTHERS else 1):
        settings_shown = f"reference {variant.reference!r} and pooling {variant.pooling}"
        known = ", ".join(sorted(set(labels.labels)))
        raise UsageError(f"{subject}: too few labels for {settings_shown}; labels are {known}", hint=_hint_for_labels(variant))


def _hint_for_labels(variant: Variant) -> str:
    if variant.pooling == WORD:
        return "--words FILE.toml, with the words of each label, or --pooling last"
    return "emo datasets list shows the labels of each set"


def shown_variant(job: Job, extractions: Sequence[Extraction]) -> Variant:
    """The variant to draw: what was asked for, else the default pooling, else the first that all extractions have."""
    variant = shown_variant_of([variants_of(job, extraction) for extraction in extractions], job.settings)
    if variant is None:
        raise UsageError(f"{extractions[0].dataset}: the models have no pooling in common", hint="emo extract --pooling last")
    return variant


def shown_variant_of(available: Sequence[Sequence[Variant]], settings: Settings) -> Variant | None:
    """The variant to show of those that each extraction has: the default pooling where none was asked for, else the first."""
    shared = [variant for variant in available[0] if all(variant in candidates for candidates in available)]
    default = [variant for variant in shared if variant.pooling in DEFAULT_POOLINGS and not settings.pooling]
    return next(iter(default or shared), None)
