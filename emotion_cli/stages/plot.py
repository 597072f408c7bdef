"""Tables to figures: four for each model, one for each emotion across models, one for each two datasets of a model."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations_with_replacement, groupby
from pathlib import Path
from typing import Any, NamedTuple

from emotion_cli.errors import UsageError
from emotion_cli.reporting import figures
from emotion_cli.settings import layer_numbers
from emotion_cli.stages import dataset_shift
from emotion_cli.stages.consensus import consensus_id, consensus_partition, together
from emotion_cli.stages.extract import depth
from emotion_cli.stages.job import Job, Task, fingerprint, why
from emotion_cli.stages.known import with_emotions
from emotion_cli.stages.scope import Scope
from emotion_cli.stages.selection import Parts, named, of_figures, shown_variant_of, variant_name
from emotion_cli.stages.vectors import Variant, part_shown, variants_of
from warehouse.artifacts import Artifacts
from warehouse.catalog import Catalog
from warehouse.lock import held
from warehouse.store import Partition, quote

CROSS_MODEL = "cross_model"
"""Folder of a dataset's figures across models."""

DATASET_SHIFT = "dataset_shift"

PER_MODEL = (
    ("direction_quality", "direction_quality_by_layer", figures.direction_quality, "is there a direction?"),
    ("layer_norms", "vector_norms_by_layer", figures.layer_norms, "length of emotion vectors"),
    ("emotion_distances", "within_model_similarity_by_layer", figures.emotion_distances, "similarity of emotions"),
    ("similarity_heatmap", "within_model_similarity_by_model", figures.similarity_heatmap, "mean similarity"),
)
"""Name of the figure, the query that it shows, how it is drawn, and its title."""


class Figures(NamedTuple):
    """The figures of one folder, before they are drawn: what they are of, the variant that they show, where, of what, and how."""

    dataset: str
    subject: str
    variant: Variant
    selected: Parts
    place: tuple[str, ...]
    """Dataset, model (or CROSS_MODEL) and what else there is, as in the metrics' names."""
    scopes: Sequence[Scope]
    reads: Mapping[str, Partition]
    draw: Callable[[Job, Sequence[Scope], Variant], dict[str, bytes]]

    @property
    def parts(self) -> tuple[str, ...]:
        """The folder below the store's folder of figures, part by part, before it is quoted."""
        dataset, model, *more = self.place
        return (dataset, model, variant_name(self.variant), *more, *filter(None, [named(self.selected)]))

    def folder(self, root: Path) -> Path:
        """The folder: figures/DATASET/MODEL/VARIANT, below it what else it is of, and the selection where there is one."""
        dataset, model, variant, *more = self.parts
        return root.joinpath("figures", quote(dataset), model if model == CROSS_MODEL else quote(model), variant, *more)

    def former_folder(self, root: Path) -> Path:
        """Where stores of before had them, whatever variant or selection they showed."""
        dataset, model, *more = self.place
        return root.joinpath("figures", quote(dataset), model if model == CROSS_MODEL else quote(model), *more)


def tasks(job: Job) -> list[Task]:
    """One task a scope, one for each dataset that has two models, and one for each two datasets of a model."""
    return [_task(job, one) for one in planned(job)]


def planned(job: Job) -> list[Figures]:
    """All figures of a job, by folder; scopes that have none of the emotions asked for are left out."""
    scopes = with_emotions(job.store, job.settings, job.vector_scopes, lambda _: None)
    across = [list(members) for _, members in groupby(scopes, key=lambda scope: scope.dataset)]
    return [
        *(_of_model(job, scope) for scope in scopes),
        *(_across(job, members) for members in across if len(members) > 1),
        *(_of_shift(job, pair) for pair in dataset_shift.pairs(job) if pair.a in scopes and pair.b in scopes),
    ]


def _of_model(job: Job, scope: Scope) -> Figures:
    tables = ("vectors", "vector_quality", "within_model_statistics")
    reads = {f"{table} of {scope.extraction_id}": scope.partition(job.store, table) for table in tables}
    return Figures(scope.dataset, scope.subject, shown_variant(job, [scope]), of_figures(job, [scope]),
                   (scope.dataset, scope.model), [scope], reads, _draw_model)  # fmt: skip


def _across(job: Job, scopes: Sequence[Scope]) -> Figures:
    dataset = scopes[0].dataset
    reads = {f"vectors of {scope.extraction_id}": scope.partition(job.store, "vectors") for scope in scopes}
    reads |= {f"statistics of {one.keys['pair']}": one for one in cross_model_partitions(job, scopes)}
    reads |= {f"consensus of {dataset}": consensus_partition(job, one) for one in _in_consensus(job, scopes)}
    return Figures(dataset, f"{dataset}, across models", shown_variant(job, scopes), of_figures(job, scopes, across=True),
                   (dataset, CROSS_MODEL), scopes, reads, _draw_across)  # fmt: skip


def _of_shift(job: Job, pair: dataset_shift.Pair) -> Figures:
    """With the figures of the larger of the two datasets."""
    reads = {f"vectors of {scope.extraction_id}": scope.partition(job.store, "vectors") for scope in pair}
    reads["cross_dataset_statistics"] = pair.partition(job)
    return Figures(pair.b.dataset, pair.subject, shown_variant(job, list(pair)), of_figures(job, list(pair)),
                   (pair.b.dataset, pair.b.model, f"{DATASET_SHIFT}_{quote(pair.a.dataset)}"), list(pair), reads,
                   lambda job, scopes, variant: _draw_shift(job, pair, variant))  # fmt: skip


def _task(job: Job, one: Figures) -> Task:
    root = job.store.root
    artifacts = Artifacts(one.folder(root))
    inputs: dict[str, Any] = {
        "figures_version": figures.FIGURES_VERSION,
        "variant": one.variant.part,
        **{name: list(values) for name, values in one.selected.items()},
        **{name: fingerprint(partition, part_shown(partition, one.variant)) for name, partition in one.reads.items()},
    }

    def run(job: Job) -> None:
        drawn = one.draw(job, one.scopes, one.variant)
        reads = {name: partition.place_of(part_shown(partition, one.variant)) for name, partition in one.reads.items()}
        artifacts.commit(drawn, inputs, reads=reads)
        _retire(one.former_folder(root), inputs, root)

    folders = tuple(partition.folder for partition in one.reads.values())
    return Task("plot", one.subject, folders, artifacts.folder, why(artifacts.manifest(), inputs), run)


def _retire(former: Path, inputs: Mapping[str, Any], root: Path) -> None:
    """Remove what an earlier emo drew of the same variant and selection, where variants had no folders of their own."""
    artifacts = Artifacts(former)
    there = artifacts.committed()
    same = ("variant", "emotion", "layer")
    if there and all(there.inputs.get(name) == inputs.get(name) for name in same):
        with held(former, wait=True):
            artifacts.withdraw()


def cross_model_partitions(job: Job, scopes: Sequence[Scope]) -> list[Partition]:
    """The statistics of every two of some models, and of each with itself, committed or not."""
    ids = [scope.extraction_id for scope in sorted(scopes, key=lambda scope: scope.model)]
    pairs = combinations_with_replacement(ids, 2)
    dataset = scopes[0].dataset
    return [job.store.partition("cross_model_statistics", dataset=dataset, pair=f"{a}-{b}") for a, b in pairs]


def shown_variant(job: Job, scopes: Sequence[Scope]) -> Variant:
    """The variant to draw: what was asked for, else the default pooling, else the first that all scopes have."""
    variant = shown_variant_of([variants_of(job, scope) for scope in scopes], job.settings)
    if variant is None:
        raise UsageError(f"{scopes[0].dataset}: the models have no pooling in common", hint="emo extract --pooling last")
    return variant


def _draw_model(job: Job, scopes: Sequence[Scope], variant: Variant) -> dict[str, bytes]:
    (scope,) = scopes
    catalog = Catalog(job.store)
    files = {}
    for name, query, draw, about in PER_MODEL:
        rows = _selected(job, scopes, catalog.dicts(query, extraction_id=[scope.extraction_id], **_where(variant)))
        if not rows:
            job.listener.note(f"{scope.subject}: no {name} is drawn, there is nothing to show in it")
            continue
        title = f"{scope.model}, {scope.dataset}: {about}\n{_caption(variant)}"
        files |= {f"{name}.{ending}": content for ending, content in draw(rows, title).items()}
    return files


def _draw_across(job: Job, scopes: Sequence[Scope], variant: Variant) -> dict[str, bytes]:
    catalog = Catalog(job.store)
    ids = [scope.extraction_id for scope in scopes]
    cosines = catalog.dicts("cross_model_similarity_by_layer", extraction_a=ids, extraction_b=ids, **_where(variant))
    norms = _selected(job, scopes, catalog.dicts("vector_norms_by_layer", extraction_id=ids, **_where(variant)))
    files = {}
    for emotion in sorted({row["emotion"] for row in norms}):
        own, lengths = ([row for row in rows if row["emotion"] == emotion] for rows in (_selected(job, scopes, cosines), norms))
        title = f"{emotion} across models, {scopes[0].dataset}\n{_caption(variant)}"
        drawn = figures.cross_model(own, lengths, title)
        name = quote(f"{CROSS_MODEL}_{emotion}")
        files |= {f"{name}.{ending}": content for ending, content in drawn.items()}
    return files | _draw_pairs(job, scopes, variant) | _draw_consensus(job, scopes, variant)


def _in_consensus(job: Job, scopes: Sequence[Scope]) -> list[list[Scope]]:
    return [members for members in together(job) if members[0].dataset == scopes[0].dataset]


def _draw_consensus(job: Job, scopes: Sequence[Scope], variant: Variant) -> dict[str, bytes]:
    """Three or more models and their emotions in the consensus plane; nothing for fewer."""
    files = {}
    for members in _in_consensus(job, scopes):
        where = {"consensus_id": [consensus_id(members)], **_where(variant)}
        rows = _selected(job, members, Catalog(job.store).dicts("consensus_by_layer", **where))
        if any(row["x"] is not None for row in rows):
            title = f"consensus of {len(members)} models, {members[0].dataset}\n{_caption(variant)}"
            files |= {f"consensus.{ending}": content for ending, content in figures.consensus(rows, title).items()}
    return files


def _draw_pairs(job: Job, scopes: Sequence[Scope], variant: Variant) -> dict[str, bytes]:
    """What is measured on every two models: aligned directions by fit, transfer, and how alike their prompts are arranged."""
    catalog = Catalog(job.store)
    ids = [scope.extraction_id for scope in scopes]
    where = {"extraction_a": ids, "extraction_b": ids, **_where(variant)}
    alignments = _selected(job, scopes, catalog.dicts("cross_model_alignment_by_layer", **where))
    alignments = [row for row in alignments if row["fit"] == "ridge" and row["relative_depth"] is not None]
    geometries = catalog.dicts("cross_model_geometry_by_layer", **where)
    overlaps = _selected(job, scopes, catalog.dicts("cross_model_subspaces_by_layer", **where))
    drawn: dict[str, dict[str, bytes]] = {}
    for models in sorted({(row["model_a"], row["model_b"]) for row in geometries}):
        subject = f"{' and '.join(models)}, {scopes[0].dataset}"
        own, compared = ([row for row in rows if (row["model_a"], row["model_b"]) == models] for rows in (alignments, geometries))
        name = "_".join(models)
        for emotion in sorted({row["emotion"] for row in own}):
            title = f"{emotion}: aligned directions of {subject}\n{_caption(variant)}"
            drawn[f"aligned_cosine_{emotion}_{name}"] = figures.aligned_cosine([r for r in own if r["emotion"] == emotion], title)
        if own:
            drawn[f"transfer_auroc_{name}"] = figures.transfer_auroc(own, f"carried directions, {subject}\n{_caption(variant)}")
        carried = [row for row in overlaps if row["direction"] and (row["model_a"], row["model_b"]) == models]
        if carried:
            title = f"subspaces carried between {subject}\n{_caption(variant)}"
            drawn[f"subspace_overlap_{name}"] = figures.subspace_overlap(carried, title)
        matched = [row for row in compared if row["cka_low"] is not None or row["rsa_low"] is not None]
        about = f"{subject}\npooling {variant.pooling}"
        layers = {(row["layer_a"], row["layer_b"]) for row in compared if row["layer_a"] is not None}
        if len(layers) > len({row["layer_a"] for row in compared}) + len({row["layer_b"] for row in compared}):
            for column, title in (("cka_debiased", "debiased CKA"), ("rsa", "RSA")):
                drawn[f"{column}_{name}"] = figures.layer_by_layer(compared, column, title, f"{title} of {about}")
            pairs = {(row["layer_a"], row["layer_b"]) for row in own}
            matched = [row for row in matched if (row["layer_a"], row["layer_b"]) in pairs]
        drawn[f"geometry_{name}"] = figures.geometry(matched, f"arrangement of prompts in {about}")
    return {f"{quote(name)}.{ending}": content for name, files in drawn.items() for ending, content in files.items()}


def _draw_shift(job: Job, pair: dataset_shift.Pair, variant: Variant) -> dict[str, bytes]:
    ids = {"extraction_a": [pair.a.extraction_id], "extraction_b": [pair.b.extraction_id]}
    rows = _selected(job, pair, Catalog(job.store).dicts("dataset_shift_by_layer", **ids, **_where(variant)))
    if not rows:
        job.listener.note(f"{pair.subject}: no {DATASET_SHIFT} is drawn, there is nothing to show in it")
        return {}
    shares = sorted({row["share_in_common"] for row in rows})
    common = f"; {shares[0]:.0%} of {pair.b.dataset} is in both and left out" if shares else ""
    title = f"{pair.subject}{common}\n{_caption(variant)}"
    return {f"{DATASET_SHIFT}.{ending}": content for ending, content in figures.dataset_shift(rows, title).items()}


def _selected(job: Job, scopes: Sequence[Scope], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    emotions = job.settings.emotion
    layers = {layer for scope in scopes for layer in layer_numbers(job.settings.layer, depth(job.store, scope))}
    return [
        row for row in rows
        if (not layers or row.get("layer") in (None, *layers))
        and (not emotions or {row[name] for name in ("emotion", "emotion_a", "emotion_b") if name in row} <= set(emotions))
    ]  # fmt: skip


def _where(variant: Variant) -> dict[str, list[str]]:
    return {name: [value] for name, value in variant._asdict().items()}


def _caption(variant: Variant) -> str:
    return f"{variant.method}, reference {variant.reference}, pooling {variant.pooling}"
