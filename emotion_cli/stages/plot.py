"""Tables to figures: five for each model, one for each emotion across models, one for each two datasets of a model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emotion_cli.job.comparisons import DatasetPair, consensus_id
from emotion_cli.job.extractions import Extraction, depth
from emotion_cli.job.job import Job, Task, why
from emotion_cli.job.outputs import CROSS_MODEL, DATASET_SHIFT, MODEL, Figures, consensus_groups_of, fingerprints, places, planned
from emotion_cli.job.variants import Variant
from emotion_cli.reporting import figures
from emotion_cli.settings import layer_numbers
from warehouse.artifacts import Artifacts
from warehouse.catalog import Catalog
from warehouse.lock import held
from warehouse.store import quote

PER_MODEL = (
    ("direction_quality", "direction_quality_by_layer", figures.direction_quality, "is there a direction?"),
    ("test_sets", "test_sets_by_layer", figures.test_sets, "on other prompts"),
    ("layer_norms", "vector_norms_by_layer", figures.layer_norms, "length of emotion vectors"),
    ("emotion_distances", "within_model_similarity_by_layer", figures.emotion_distances, "similarity of emotions"),
    ("similarity_heatmap", "within_model_similarity_by_model", figures.similarity_heatmap, "mean similarity"),
)
"""Name of the figure, the query that it shows, how it is drawn, and its title."""


def tasks(job: Job) -> list[Task]:
    """One task for each model, for each dataset with two models, and for each two datasets of a model."""
    return [_task(job, folder) for folder in planned(job)]


def _task(job: Job, folder: Figures) -> Task:
    artifacts = folder.artifacts
    inputs: dict[str, Any] = {
        "figures_version": figures.FIGURES_VERSION,
        "variant": folder.variant.part,
        **{name: list(values) for name, values in folder.selected.items()},
        **fingerprints(folder.reads, folder.variant),
    }

    def run(job: Job) -> None:
        drawn = DRAW[folder.kind](job, folder.extractions, folder.variant)
        artifacts.commit(drawn, inputs, reads=places(folder.reads, folder.variant))
        _retire(folder.former_artifacts, inputs)

    reads = tuple(partition.folder for partition in folder.reads.values())
    return Task("plot", folder.subject, reads, artifacts.folder, why(artifacts.manifest(), inputs), run)


def _retire(former: Artifacts, inputs: Mapping[str, Any]) -> None:
    """Remove figures of the same variant and selection that an earlier version drew, when variants shared a folder."""
    manifest = former.committed()
    identifying = ("variant", "emotion", "layer")
    if manifest and all(manifest.inputs.get(name) == inputs.get(name) for name in identifying):
        with held(former.folder, wait=True):
            former.withdraw()


def _draw_model(job: Job, extractions: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
    (extraction,) = extractions
    catalog = Catalog(job.store)
    files = {}
    for name, query, draw, about in PER_MODEL:
        rows = _selected(job, extractions, catalog.dicts(query, extraction_id=[extraction.extraction_id], **_where(variant)))
        if not rows:
            job.listener.note(f"{extraction.subject}: {name} has no data and is not drawn")
            continue
        title = f"{extraction.model}, {extraction.dataset}: {about}\n{_caption(variant)}"
        files |= {f"{name}.{ending}": content for ending, content in draw(rows, title).items()}
    return files


def _draw_across(job: Job, extractions: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
    catalog = Catalog(job.store)
    ids = [extraction.extraction_id for extraction in extractions]
    where = {"extraction_a": ids, "extraction_b": ids, **_where(variant)}
    cosines = _selected(job, extractions, catalog.dicts("cross_model_similarity_by_layer", **where))
    norms = _selected(job, extractions, catalog.dicts("vector_norms_by_layer", extraction_id=ids, **_where(variant)))
    files = {}
    for emotion in sorted({row["emotion"] for row in norms}):
        of_emotion, lengths = ([row for row in rows if row["emotion"] == emotion] for rows in (cosines, norms))
        title = f"{emotion} across models, {extractions[0].dataset}\n{_caption(variant)}"
        drawn = figures.cross_model(of_emotion, lengths, title)
        name = quote(f"{CROSS_MODEL}_{emotion}")
        files |= {f"{name}.{ending}": content for ending, content in drawn.items()}
    return files | _draw_pairs(job, extractions, variant) | _draw_consensus(job, extractions, variant)


def _draw_consensus(job: Job, extractions: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
    """Three or more models and their emotions in the consensus plane; nothing for fewer."""
    files = {}
    for members in consensus_groups_of(job, extractions):
        where = {"consensus_id": [consensus_id(members)], **_where(variant)}
        rows = _selected(job, members, Catalog(job.store).dicts("consensus_by_layer", **where))
        if any(row["x"] is not None for row in rows):
            title = f"consensus of {len(members)} models, {members[0].dataset}\n{_caption(variant)}"
            files |= {f"consensus.{ending}": content for ending, content in figures.consensus(rows, title).items()}
    return files


def _draw_pairs(job: Job, extractions: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
    """What is measured on every two models: aligned directions by fit, transfer, and how alike their prompts are arranged."""
    catalog = Catalog(job.store)
    ids = [extraction.extraction_id for extraction in extractions]
    where = {"extraction_a": ids, "extraction_b": ids, **_where(variant)}
    alignments = _selected(job, extractions, catalog.dicts("cross_model_alignment_by_layer", **where))
    alignments = [row for row in alignments if row["fit"] == "ridge" and row["relative_depth"] is not None]
    geometries = catalog.dicts("cross_model_geometry_by_layer", **where)
    overlaps = _selected(job, extractions, catalog.dicts("cross_model_subspaces_by_layer", **where))
    drawn: dict[str, dict[str, bytes]] = {}
    for models in sorted({(row["model_a"], row["model_b"]) for row in geometries}):
        subject = f"{' and '.join(models)}, {extractions[0].dataset}"
        directions, compared = (
            [row for row in rows if (row["model_a"], row["model_b"]) == models] for rows in (alignments, geometries)
        )
        name = "_".join(models)
        for emotion in sorted({row["emotion"] for row in directions}):
            title = f"{emotion}: aligned directions of {subject}\n{_caption(variant)}"
            of_emotion = [row for row in directions if row["emotion"] == emotion]
            drawn[f"aligned_cosine_{emotion}_{name}"] = figures.aligned_cosine(of_emotion, title)
        if directions:
            drawn[f"transfer_auroc_{name}"] = figures.transfer_auroc(
                directions, f"carried directions, {subject}\n{_caption(variant)}"
            )
        carried = [row for row in overlaps if row["mapping"] and (row["model_a"], row["model_b"]) == models]
        if carried:
            title = f"subspaces carried between {subject}\n{_caption(variant)}"
            drawn[f"subspace_overlap_{name}"] = figures.subspace_overlap(carried, title)
        matched = [row for row in compared if row["cka_low"] is not None or row["rsa_low"] is not None]
        about = f"{subject}\npooling {variant.pooling}"
        layers = {(row["layer_a"], row["layer_b"]) for row in compared if row["layer_a"] is not None}
        if len(layers) > len({row["layer_a"] for row in compared}) + len({row["layer_b"] for row in compared}):
            for column, title in (("cka_debiased", "debiased CKA"), ("rsa", "RSA")):
                drawn[f"{column}_{name}"] = figures.layer_by_layer(compared, column, title, f"{title} of {about}")
            pairs = {(row["layer_a"], row["layer_b"]) for row in directions}
            matched = [row for row in matched if (row["layer_a"], row["layer_b"]) in pairs]
        drawn[f"geometry_{name}"] = figures.geometry(matched, f"arrangement of prompts in {about}")
    return {f"{quote(name)}.{ending}": content for name, files in drawn.items() for ending, content in files.items()}


def _draw_shift(job: Job, extractions: Sequence[Extraction], variant: Variant) -> dict[str, bytes]:
    pair = DatasetPair(*extractions)
    ids = {"extraction_a": [pair.a.extraction_id], "extraction_b": [pair.b.extraction_id]}
    rows = _selected(job, pair, Catalog(job.store).dicts("dataset_shift_by_layer", **ids, **_where(variant)))
    if not rows:
        job.listener.note(f"{pair.subject}: {DATASET_SHIFT} has no data and is not drawn")
        return {}
    shares = sorted({row["share_in_common"] for row in rows})
    common = f"; {shares[0]:.0%} of {pair.b.dataset} is in both and left out" if shares else ""
    title = f"{pair.subject}{common}\n{_caption(variant)}"
    return {f"{DATASET_SHIFT}.{ending}": content for ending, content in figures.dataset_shift(rows, title).items()}


def _selected(job: Job, extractions: Sequence[Extraction], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    emotions = job.settings.emotion
    layers = {layer for extraction in extractions for layer in layer_numbers(job.settings.layer, depth(job.store, extraction))}
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
