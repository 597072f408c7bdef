"""Rows, figures and fingerprints of everything that a job is about, for pages and records."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from emotion_cli.job.comparisons import DatasetPair, consensus_groups, consensus_partition, cross_model_partitions, dataset_pairs
from emotion_cli.job.extractions import Extraction
from emotion_cli.job.job import FIGURES_OF, Job, fingerprint
from emotion_cli.job.known import with_emotions
from emotion_cli.job.selection import Parts, named, of_figures, variant_name
from emotion_cli.job.variants import Variant, part_shown, shown_variant
from emotion_cli.reporting.report import Picture
from warehouse.artifacts import Artifacts
from warehouse.catalog import Catalog
from warehouse.library import queries
from warehouse.schema import TABLES, About, Table
from warehouse.store import Partition, quote

Rows = list[dict[str, Any]]


MODEL = "model"

CROSS_MODEL = "cross_model"
"""Folder of a dataset's figures across models."""

DATASET_SHIFT = "dataset_shift"


class Figures(NamedTuple):
    """The figures of one folder, before they are drawn: what they are of, the variant that they show, where, and of what."""

    dataset: str
    subject: str
    variant: Variant
    selected: Parts
    place: tuple[str, ...]
    """Dataset, model (or CROSS_MODEL) and what else there is, as in the metrics' names."""
    scopes: Sequence[Extraction]
    reads: Mapping[str, Partition]
    kind: str
    """`model`, `cross_model` or `dataset_shift`: which figures they are."""

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


def planned(job: Job) -> list[Figures]:
    """All figures of a job, by folder; scopes that have none of the emotions asked for are left out."""
    scopes = with_emotions(job.store, job.settings, job.with_vectors, lambda _: None)
    across = [list(members) for _, members in groupby(scopes, key=lambda scope: scope.dataset)]
    return [
        *(_of_model(job, scope) for scope in scopes),
        *(_across(job, members) for members in across if len(members) > 1),
        *(_of_shift(job, pair) for pair in dataset_pairs(job) if pair.a in scopes and pair.b in scopes),
    ]


def _of_model(job: Job, scope: Extraction) -> Figures:
    tables = ("vectors", "vector_quality", "within_model_statistics")
    reads = {f"{table} of {scope.extraction_id}": scope.partition(job.store, table) for table in tables}
    return Figures(
        scope.dataset,
        scope.subject,
        shown_variant(job, [scope]),
        of_figures(job, [scope]),
        (scope.dataset, scope.model),
        [scope],
        reads,
        MODEL,
    )


def _across(job: Job, scopes: Sequence[Extraction]) -> Figures:
    dataset = scopes[0].dataset
    reads = {f"vectors of {scope.extraction_id}": scope.partition(job.store, "vectors") for scope in scopes}
    reads |= {f"statistics of {one.keys['pair']}": one for one in cross_model_partitions(job, scopes)}
    reads |= {f"consensus of {dataset}": consensus_partition(job, one) for one in consensus_groups_of(job, scopes)}
    return Figures(
        dataset,
        f"{dataset}, across models",
        shown_variant(job, scopes),
        of_figures(job, scopes, across=True),
        (dataset, CROSS_MODEL),
        scopes,
        reads,
        CROSS_MODEL,
    )


def _of_shift(job: Job, pair: DatasetPair) -> Figures:
    """With the figures of the larger of the two datasets."""
    reads = {f"vectors of {scope.extraction_id}": scope.partition(job.store, "vectors") for scope in pair}
    reads["cross_dataset_statistics"] = pair.partition(job)
    place = (pair.b.dataset, pair.b.model, f"{DATASET_SHIFT}_{quote(pair.a.dataset)}")
    scopes = list(pair)
    variant, selected = shown_variant(job, scopes), of_figures(job, scopes)
    return Figures(pair.b.dataset, pair.subject, variant, selected, place, scopes, reads, DATASET_SHIFT)


def consensus_groups_of(job: Job, scopes: Sequence[Extraction]) -> list[list[Extraction]]:
    """The groups of models whose consensus is on the dataset of these extractions."""
    return [members for members in consensus_groups(job) if members[0].dataset == scopes[0].dataset]


def tables(names: Iterable[str]) -> list[str]:
    """The stored tables that queries (or tables) read, through other queries, too."""
    found: set[str] = set()
    for name in names:
        found |= {name} if name in TABLES else set(tables(queries()[name].reads))
    return sorted(found)


def partitions(job: Job, names: Iterable[str]) -> dict[str, Partition]:
    """The partitions of the job's train scopes that queries read, committed or not, by a name of their own.

    Of pairs and groups those that are committed and about no other extraction.
    """
    found = [partition for table in tables(names) for partition in _of_scopes(job, TABLES[table])]
    return {f"{partition.table.name} of {'/'.join(partition.keys.values())}": partition for partition in found}


def _of_scopes(job: Job, table: Table) -> list[Partition]:
    scopes, store = job.with_activations, job.store
    match table.about:
        case About.dataset:
            return [store.partition(table.name, dataset=scope.dataset, prompts_sha256=scope.prompts_sha256) for scope in scopes]
        case About.model:
            return [
                one for model in _distinct(scope.model for scope in scopes) for one in store.partitions(table.name, model=model)
            ]
        case About.extraction:
            return [scope.partition(store, table.name) for scope in scopes]
        case About.pair | About.group:
            known = {scope.extraction_id for scope in scopes}
            return [one for one in store.partitions(table.name) if (ids := one.extractions()) and known.issuperset(ids)]


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def fingerprints(read: Mapping[str, Partition], variant: Variant) -> dict[str, str | None]:
    """The content of partitions, as far as it is about a variant: what is added for another one changes nothing."""
    return {name: fingerprint(partition, part_shown(partition, variant)) for name, partition in read.items()}


def places(read: Mapping[str, Partition], variant: Variant) -> dict[str, str]:
    """Where that content is in the store, so that `emo verify` finds what has changed since."""
    return {name: partition.place_of(part_shown(partition, variant)) for name, partition in read.items()}


def rows(job: Job, variant: Variant, names: Sequence[str]) -> dict[str, Rows]:
    """Rows of each query or table for the job's train scopes, of one variant and the emotions asked for, in the job's order."""
    catalog = Catalog(job.store)
    ids = [scope.extraction_id for scope in job.with_activations]
    groups = [
        one.keys["consensus_id"] for table in TABLES.values() if table.about is About.group for one in _of_scopes(job, table)
    ]
    wanted: dict[str, Sequence[str]] = {
        "extraction_id": ids,
        "extraction_a": ids,
        "extraction_b": ids,
        # two datasets may hold the same texts, and so have the same content
        "dataset": _distinct(scope.dataset for scope in job.with_activations),
        "prompts_sha256": [scope.prompts_sha256 for scope in job.with_activations],
        "consensus_id": groups or [""],  # an empty list would not filter
        "model": _distinct(scope.model for scope in job.with_activations),
        **{name: [value] for name, value in variant._asdict().items()},
        **{name: job.settings.emotion for name in ("emotion", "emotion_a", "emotion_b") if job.settings.emotion},
    }
    order = {name: [getattr(scope, name) for scope in job.with_activations] for name in ("dataset", "model")}

    def place(row: dict[str, Any]) -> list[int]:
        return [known.index(row[name]) if row.get(name) in known else 0 for name, known in order.items()]

    found = {}
    for name in names:
        columns = set(catalog.rows(f'select * from "{name}" limit 0').column_names)
        # a table's own prompts are counted in full, whatever emotions are shown
        chosen = {
            column: values
            for column, values in wanted.items()
            if column in columns and not (name.startswith("prompt") and column == "emotion")
        }
        selected = catalog.dicts(name, **chosen)
        found[name] = sorted(selected, key=place)
    return found


class Folder(NamedTuple):
    """A folder of figures: the dataset that it is of, what else it is of, and its path inside the store's folder of figures.

    The path is that of the folder, with names as they are.
    """

    dataset: str
    subject: str
    artifacts: Artifacts
    parts: tuple[str, ...]


def figures(job: Job) -> list[Folder]:
    """The folders of figures of the job, those of one dataset together: of each model, of two datasets, across models."""
    found = [
        Folder(one.dataset, _subject(one), Artifacts(one.folder(job.store.root)), one.parts)
        for one in sorted(planned(job), key=lambda one: one.place[1] == CROSS_MODEL)
    ]
    order = list(dict.fromkeys(scope.dataset for scope in job.with_vectors))
    return sorted(found, key=lambda one: order.index(one.dataset))


def _subject(one: Figures) -> str:
    _, model, *shift = one.place
    if model == CROSS_MODEL:
        return "across models"
    return f"{model} against {one.scopes[0].dataset}" if shift else model


def figure_fingerprints(job: Job) -> dict[str, str | None]:
    """The content of each folder of figures."""
    manifests = {f"{FIGURES_OF}{json.dumps(one.parts)}": one.artifacts.manifest() for one in figures(job)}
    return {name: manifest.fingerprint if manifest else None for name, manifest in manifests.items()}


def pictures(job: Job, page: Path) -> list[Picture]:
    """Every figure that is there, as the report shows it; paths lead there from the folder `page`."""
    found = []
    for dataset, subject, artifacts, _ in figures(job):
        manifest = artifacts.manifest()
        for entry in manifest.files if manifest else ():
            if entry.name.endswith(".svg"):
                svg = artifacts.folder / entry.name
                about = unquote(svg.stem.removeprefix(f"{CROSS_MODEL}_")).replace("_", " ")
                png = Path(os.path.relpath(svg.with_suffix(".png"), page))
                found.append(Picture(png.as_posix(), svg.read_bytes(), f"{dataset}, {subject}: {about}", dataset))
    return found
