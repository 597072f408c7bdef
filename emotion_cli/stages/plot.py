"""Tables to figures: four for each model, one for each emotion across models, one for each two datasets of a model."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotion_cli.job.comparisons import DatasetPair, consensus_id
from emotion_cli.job.extractions import Extraction, depth
from emotion_cli.job.job import Job, Task, fingerprint, why
from emotion_cli.job.outputs import CROSS_MODEL, DATASET_SHIFT, MODEL, Figures, consensus_groups_of, planned
from emotion_cli.job.variants import Variant, part_shown
from emotion_cli.reporting import figures
from emotion_cli.settings import layer_numbers
from warehouse.artifacts import Artifacts
from warehouse.catalog import Catalog
from warehouse.lock import held
from warehouse.store import quote

PER_MODEL = (
    ("direction_quality", "direction_quality_by_layer", figures.direction_quality, "is there a direction?"),
    ("layer_norms", "vector_norms_by_layer", figures.layer_norms, "length of emotion vectors"),
    ("emotion_distances", "within_model_similarity_by_layer", figures.emotion_distances, "similarity of emotions"),
    ("similarity_heatmap", "within_model_similarity_by_model", figures.similarity_heatmap, "mean similarity"),
)
"""Name of the figure, the query that it shows, how it is drawn, and its title."""


def tasks(job: Job) -> list[Task]:
    """One task a scope, one for each dataset that has two models, and one for each two datasets of a model."""
    return [_task(job, one) for one in planned(job)]


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
        drawn = DRAW[one.kind](job, one.scopes, one.variant)
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


def _draw_model(job: Job, scopes: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
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


def _draw_across(job: Job, scopes: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
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


def _draw_consensus(job: Job, scopes: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
    """Three or more models and their emotions in the consensus plane; nothing for fewer."""
    files = {}
    for members in consensus_groups_of(job, scopes):
        where = {"consensus_id": [consensus_id(members)], **_where(variant)}
        rows = _selected(job, members, Catalog(job.store).dicts("consensus_by_layer", **where))
        if any(row["x"] is not None for row in rows):
            title = f"consensus of {len(members)} models, {members[0].dataset}\n{_caption(variant)}"
            files |= {f"consensus.{ending}": content for ending, content in figures.consensus(rows, title).items()}
    return files


def _draw_pairs(job: Job, scopes: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
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


def _draw_shift(job: Job, scopes: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
    pair = DatasetPair(*scopes)
    ids = {"extraction_a": [pair.a.extraction_id], "extraction_b": [pair.b.extraction_id]}
    rows = _selected(job, pair, Catalog(job.store).dicts("dataset_shift_by_layer", **ids, **_where(variant)))
    if not rows:
        job.listener.note(f"{pair.subject}: no {DATASET_SHIFT} is drawn, there is nothing to show in it")
        return {}
    shares = sorted({row["share_in_common"] for row in rows})
    common = f"; {shares[0]:.0%} of {pair.b.dataset} is in both and left out" if shares else ""
    title = f"{pair.subject}{common}\n{_caption(variant)}"
    return {f"{DATASET_SHIFT}.{ending}": content for ending, content in figures.dataset_shift(rows, title).items()}


def _selected(job: Job, scopes: Sequence[Extraction], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    emotions = job.settings.emotion
    layers = {layer for scope in scopes for layer in layer_numbers(job.settings.layer, depth(job.store, scope))}
    return [
        row
        for row in rows
        if (not layers or row.get("layer") in (None, *layers))
        and (not emotions or {row[name] for name in ("emotion", "emotion_a", "emotion_b") if name in row} <= set(emotions))
    ]


def _where(variant: Variant) -> dict[str, list[str]]:
    return {name: [value] for name, value in variant._asdict().items()}


def _caption(variant: Variant) -> str:
    return f"{variant.method}, reference {variant.reference}, pooling {variant.pooling}"


DRAW: dict[str, Callable[[Job, Sequence[Extraction], Variant], dict[str, bytes]]] = {
    MODEL: _draw_model,
    CROSS_MODEL: _draw_across,
    DATASET_SHIFT: _draw_shift,
}
"""How each kind of figures is drawn."""
