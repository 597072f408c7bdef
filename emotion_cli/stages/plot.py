"""Tables to figures: six for each model, some for all models and for every two of them, one for each two datasets of a model.

One more is of all directions of a job.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from emotion_cli.job import patching_figures, steering_figures
from emotion_cli.job.comparisons import DatasetPair, consensus_id
from emotion_cli.job.extractions import Extraction, depth
from emotion_cli.job.job import Job, Task, why
from emotion_cli.job.outputs import (
    CROSS_MODEL,
    DATASET_SHIFT,
    MODEL,
    PATCHED,
    STEERED,
    WORDS,
    Figures,
    consensus_groups_of,
    fingerprints,
    places,
    planned,
)
from emotion_cli.job.variants import Variant
from emotion_cli.reporting import figures
from emotion_cli.settings import layer_numbers
from warehouse.artifacts import Artifacts
from warehouse.catalog import Catalog
from warehouse.lock import held
from warehouse.store import quote

Drawn = dict[str, figures.Sheet]
"""Figures by the name of their files."""

Row = dict[str, Any]

Read = Callable[[str], list[Row]]

PER_MODEL = (
    ("direction_quality_by_layer", "auroc", figures.direction_quality),
    ("test_sets_by_layer", "auroc", figures.test_sets),
    ("vector_norms_by_layer", "relative_norm", figures.relative_norm),
    ("vector_norms_by_layer", "l2_norm", figures.l2_norm),
    ("within_model_similarity_by_layer", "cosine_similarity", figures.emotion_similarity),
    ("within_model_similarity_by_model", "mean_cosine_similarity", figures.similarity_heatmap),
)
"""The query that a figure of one model shows, the column that it needs, and how it is drawn. The function names the figure."""


OF_RUNS = {STEERED: steering_figures.draw, PATCHED: patching_figures.draw}
"""How figures of runs that changed a model are drawn."""

NAMED = 2
"""So many models are named in the title of the figure of all directions."""


def tasks(job: Job) -> list[Task]:
    """One task for each model, for each dataset with two models, for each two datasets of a model, and for all directions."""
    folders = planned(job)
    tables = Tables(job, [extraction.extraction_id for folder in folders for extraction in folder.extractions])
    return [_task(job, folder, tables) for folder in folders]


class Tables:
    """The rows of queries for all figures of a job: each query runs once for each variant, when its rows are first needed."""

    def __init__(self, job: Job, extraction_ids: Iterable[str]) -> None:
        self._job, self._ids = job, sorted(set(extraction_ids))
        self._rows: dict[tuple[str, Variant, tuple[str, ...]], list[Row]] = {}

    @cached_property
    def _catalog(self) -> Catalog:
        return Catalog(self._job.store)

    def reader(self, extractions: Sequence[Extraction], variant: Variant, **where: Sequence[str]) -> Read:
        """Reads the rows of a query that are of a variant, of what the job selects, and of these values of columns with ids."""
        emotions = self._job.settings.emotion
        depths = (layer_numbers(self._job.settings.layer, depth(self._job.store, extraction)) for extraction in extractions)
        layers = {layer for numbers in depths for layer in numbers}

        def read(query: str) -> list[Row]:
            return [
                row
                for row in self._of(query, variant, tuple(where))
                if all(row[name] in values for name, values in where.items())
                and (not layers or row.get("layer") in (None, *layers))
                and (
                    not emotions or {row[name] for name in ("emotion", "emotion_a", "emotion_b") if name in row} <= set(emotions)
                )
            ]

        return read

    def _of(self, query: str, variant: Variant, columns: tuple[str, ...]) -> list[Row]:
        key = query, variant, columns
        if key not in self._rows:
            of_extractions = {name: self._ids for name in columns if name.startswith("extraction")}
            of_variant = {name: [value] for name, value in variant._asdict().items()}
            self._rows[key] = self._catalog.dicts(query, **of_extractions, **of_variant)
        return self._rows[key]


def _task(job: Job, folder: Figures, tables: Tables) -> Task:
    artifacts = folder.artifacts
    inputs: dict[str, Any] = {
        "figures_version": figures.FIGURES_VERSION,
        "variant": folder.variant.part,
        **{name: list(values) for name, values in folder.selected.items()},
        **fingerprints(folder.reads, folder.variant),
    }

    def run(job: Job) -> None:
        if folder.kind in OF_RUNS:
            drawn = OF_RUNS[folder.kind](job, folder)
        else:
            drawn = DRAW[folder.kind](job, tables, folder.extractions, folder.variant)
        artifacts.commit(_files(job, folder, drawn), inputs, reads=places(folder.reads, folder.variant))
        _retire(folder.former_artifacts, inputs)

    reads = tuple(partition.folder for partition in folder.reads.values())
    return Task("plot", folder.subject, reads, artifacts.folder, why(artifacts.manifest(), inputs), run)


def _files(job: Job, folder: Figures, drawn: Drawn) -> dict[str, bytes]:
    """The figures as files, by name; a note where a label has characters that no font of the machine has."""
    files = {f"{quote(name)}.{ending}": content for name, sheet in drawn.items() for ending, content in sheet.files().items()}
    missing = "".join(sorted({character for sheet in drawn.values() for character in sheet.missing}))
    if missing:
        job.listener.note(
            f"{folder.subject}: no font on this machine has {missing}; the PNGs show boxes there. Install one, such as "
            "Noto Sans CJK, and draw again with: emo plot --force"
        )
    return files


def _retire(former: Artifacts, inputs: Mapping[str, Any]) -> None:
    """Remove figures of the same variant and selection that an earlier version drew, when variants shared a folder."""
    manifest = former.committed()
    identifying = ("variant", "emotion", "layer")
    if manifest and all(manifest.inputs.get(name) == inputs.get(name) for name in identifying):
        with held(former.folder, wait=True):
            former.withdraw()


def _draw_model(job: Job, tables: Tables, extractions: Sequence[Extraction], variant: Variant) -> Drawn:
    (extraction,) = extractions
    read = tables.reader(extractions, variant, extraction_id=[extraction.extraction_id])
    drawn: Drawn = {}
    for query, column, draw in PER_MODEL:
        rows = read(query)
        if any(row[column] is not None for row in rows):
            drawn[draw.__name__] = draw(rows, f"{extraction.model}, {extraction.dataset}", _variant(variant))
        else:
            job.listener.note(f"{extraction.subject}: {draw.__name__} has no data and is not drawn")
    return drawn


def _draw_across(job: Job, tables: Tables, extractions: Sequence[Extraction], variant: Variant) -> Drawn:
    ids = [extraction.extraction_id for extraction in extractions]
    read = tables.reader(extractions, variant, extraction_a=ids, extraction_b=ids)
    subject = f"{len(extractions)} models, {extractions[0].dataset}"
    drawn: Drawn = {}
    if cosines := read("cross_model_similarity_by_layer"):
        drawn["raw_cosine"] = figures.raw_cosine(cosines, subject, _variant(variant))
    else:
        norms = tables.reader(extractions, variant, extraction_id=ids)("vector_norms_by_layer")
        if any(row["relative_depth"] is not None for row in norms):
            drawn["relative_norm_by_depth"] = figures.relative_norm_by_depth(norms, subject, _variant(variant))
    return drawn | _draw_pairs(read, extractions[0].dataset, variant) | _draw_consensus(job, tables, extractions, variant)


def _draw_consensus(job: Job, tables: Tables, extractions: Sequence[Extraction], variant: Variant) -> Drawn:
    """Three or more models and their emotions in the consensus plane; nothing for fewer."""
    drawn: Drawn = {}
    for members in consensus_groups_of(job, extractions):
        rows = tables.reader(members, variant, consensus_id=[consensus_id(members)])("consensus_by_layer")
        if any(row["x"] is not None for row in rows):
            drawn["consensus"] = figures.consensus(rows, f"{len(members)} models, {members[0].dataset}", _variant(variant))
    return drawn


def _draw_pairs(read: Read, dataset: str, variant: Variant) -> Drawn:
    """What is measured on every two models: aligned directions, transfer, subspaces, and how alike their prompts are arranged."""
    alignments = [
        row for row in read("cross_model_alignment_by_layer") if row["fit"] == "ridge" and row["relative_depth"] is not None
    ]
    geometries, overlaps = read("cross_model_geometry_by_layer"), read("cross_model_subspaces_by_layer")
    drawn: Drawn = {}
    for models in sorted({(row["model_a"], row["model_b"]) for row in geometries}):
        name, subject = "_".join(models), f"{' and '.join(models)}, {dataset}"
        directions, compared, carried = (
            [row for row in rows if (row["model_a"], row["model_b"]) == models] for rows in (alignments, geometries, overlaps)
        )
        if directions:
            drawn[f"aligned_cosine_{name}"] = figures.aligned_cosine(directions, subject, _variant(variant))
            drawn[f"transfer_auroc_{name}"] = figures.transfer_auroc(directions, subject, _variant(variant))
        if carried := [row for row in carried if row["mapping"]]:
            drawn[f"subspace_overlap_{name}"] = figures.subspace_overlap(carried, subject, _variant(variant))
        matched = [row for row in compared if row["cka_low"] is not None or row["rsa_low"] is not None]
        pooling = f"pooling {variant.pooling}"
        layers = {(row["layer_a"], row["layer_b"]) for row in compared if row["layer_a"] is not None}
        if len(layers) > len({row["layer_a"] for row in compared}) + len({row["layer_b"] for row in compared}):
            for kind in ("cka_debiased", "rsa"):
                drawn[f"{kind}_{name}"] = figures.layer_by_layer(compared, kind, subject, pooling)
            pairs = {(row["layer_a"], row["layer_b"]) for row in directions}
            matched = [row for row in matched if (row["layer_a"], row["layer_b"]) in pairs]
        if matched:
            drawn[f"geometry_{name}"] = figures.geometry(matched, subject, pooling)
    return drawn


def _draw_shift(job: Job, tables: Tables, extractions: Sequence[Extraction], variant: Variant) -> Drawn:
    pair = DatasetPair(*extractions)
    read = tables.reader(pair, variant, extraction_a=[pair.a.extraction_id], extraction_b=[pair.b.extraction_id])
    rows = read("dataset_shift_by_layer")
    if not rows:
        job.listener.note(f"{pair.subject}: {DATASET_SHIFT} has no data and is not drawn")
        return {}
    shares = sorted({row["share_in_common"] for row in rows})
    common = f"{shares[0]:.0%} of {pair.b.dataset} is in both and left out; " if shares else ""
    return {DATASET_SHIFT: figures.dataset_shift(rows, pair.subject, common + _variant(variant))}


def _draw_words(job: Job, tables: Tables, extractions: Sequence[Extraction], variant: Variant) -> Drawn:
    read = tables.reader(extractions, variant, extraction_id=[extraction.extraction_id for extraction in extractions])
    rows = read("more_than_words_by_emotion")
    models = sorted({extraction.model for extraction in extractions})
    if all(row["gain"] is None for row in rows):
        job.listener.note(f"{WORDS} has no data and is not drawn")
        return {}
    subject = " and ".join(models) if len(models) <= NAMED else f"{len(models)} models"
    return {WORDS: figures.more_than_words(rows, subject, _variant(variant))}


def _variant(variant: Variant) -> str:
    return f"{variant.method}, reference {variant.reference}, pooling {variant.pooling}"


DRAW: dict[str, Callable[[Job, Tables, Sequence[Extraction], Variant], Drawn]] = {
    MODEL: _draw_model,
    CROSS_MODEL: _draw_across,
    DATASET_SHIFT: _draw_shift,
    WORDS: _draw_words,
}
"""How each kind of figures is drawn."""
