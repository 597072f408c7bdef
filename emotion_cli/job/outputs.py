"""Rows, figures and fingerprints of everything that a job is about, for pages and records."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, groupby
from pathlib import Path
from typing import Any, NamedTuple

from emotion_cli.job.comparisons import DatasetPair, consensus_groups, consensus_partition, cross_model_partitions, dataset_pairs
from emotion_cli.job.controls import controls_of
from emotion_cli.job.extractions import Extraction, extractions_of_test_sets
from emotion_cli.job.job import FIGURES_OF, Job, fingerprint
from emotion_cli.job.known import with_emotions
from emotion_cli.job.patching import SUFFIX
from emotion_cli.job.selection import Parts, named, of_figures, of_report, variant_name
from emotion_cli.job.steering import ADD
from emotion_cli.job.variants import Variant, part_shown, shown_variant, shown_variant_of, variants_of
from emotion_cli.reporting.figures import CAPTIONS, described
from emotion_cli.reporting.report import Picture
from emotion_cli.reporting.report.sections.effects import USUAL
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

STEERED = "steered"
"""Folder, with the name of a test set behind it, of the figures of a run that changed a model."""

PATCHED = "patched"
"""Folder, with the name of a test set behind it, of the figure of states that were carried between its texts."""

WORDS = "more_than_words"
"""Folder of the figure of all directions of a job, beside what knows words only."""


class Figures(NamedTuple):
    """The figures of one folder, drawn or not: their subject, variant, place and inputs."""

    kind: str
    """`model`, `cross_model`, `dataset_shift`, `steered`, `patched` or `more_than_words`: which figures they are."""
    subject: str
    variant: Variant
    selected: Parts
    place: tuple[str, ...]
    """Dataset, model (or CROSS_MODEL) and what else there is, as in the metrics' names; WORDS of all of a job."""
    extractions: Sequence[Extraction]
    reads: Mapping[str, Partition]
    root: Path
    """The folder of the store."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The folder below the store's folder of figures, part by part, before it is quoted."""
        return (*self.place[:2], *self._below_the_model)

    @property
    def artifacts(self) -> Artifacts:
        """The folder: figures/DATASET/MODEL/VARIANT, below it what else it is of, and the selection where there is one."""
        return self._in(self._below_the_model)

    @property
    def former_artifacts(self) -> Artifacts:
        """The folder of earlier versions, whatever variant or selection it showed."""
        return self._in(self.place[2:])

    @property
    def _below_the_model(self) -> tuple[str, ...]:
        return (variant_name(self.variant), *self.place[2:], *filter(None, [named(self.selected)]))

    def _in(self, below: Sequence[str]) -> Artifacts:
        above = (name if name == CROSS_MODEL else quote(name) for name in self.place[:2])
        return Artifacts(self.root.joinpath("figures", *above, *below))


def planned(job: Job) -> list[Figures]:
    """All figures of a job, by folder; extractions that have none of the emotions asked for are left out."""
    extractions = with_emotions(job.store, job.settings, job.with_vectors, lambda _: None)
    by_dataset = [list(members) for _, members in groupby(extractions, key=lambda extraction: extraction.dataset)]
    return [
        *(_of_model(job, extraction) for extraction in extractions),
        *(folder for extraction in extractions for folder in (*_of_runs(job, extraction), *_of_carried(job, extraction))),
        *(_across(job, members) for members in by_dataset if len(members) > 1),
        *(_of_shift(job, pair) for pair in dataset_pairs(job) if pair.a in extractions and pair.b in extractions),
        *_beside_words(job, [extraction for extraction in extractions if extraction.has_activations]),
    ]


def figures(job: Job) -> list[Figures]:
    """The same, those of one dataset together: of each model, of two datasets, across models; the one of all directions last."""
    order = [*dict.fromkeys(extraction.dataset for extraction in job.with_vectors), WORDS]
    return sorted(planned(job), key=lambda folder: (order.index(folder.place[0]), folder.kind == CROSS_MODEL))


def _of_model(job: Job, extraction: Extraction) -> Figures:
    shown = ("vectors", "vector_quality", "within_model_statistics")
    return Figures(
        MODEL,
        extraction.subject,
        shown_variant(job, [extraction]),
        of_figures(job, [extraction]),
        (extraction.dataset, extraction.model),
        [extraction],
        {f"{table} of {extraction.extraction_id}": extraction.partition(job.store, table) for table in shown},
        job.store.root,
    )


def _of_runs(job: Job, extraction: Extraction) -> list[Figures]:
    """Of each run that changed the model and read a test set, in the order of these sets."""
    if not extraction.has_activations:
        return []
    keys = {"dataset": extraction.dataset, "model": extraction.model}
    found = []
    for statistics in job.store.partitions("steering_statistics", **keys):
        described = job.store.partition("steering_runs", **statistics.keys)
        for row in described.read(["extraction_id", "test_dataset", "operation", *USUAL]).to_pylist():
            if row["extraction_id"] == extraction.extraction_id and row["operation"] == ADD:
                found.append(
                    (row["test_dataset"], all(row[name] == usual for name, usual in USUAL.items()), described, statistics)
                )
    return [
        Figures(
            STEERED,
            f"{extraction.subject}, on {test_dataset}",
            shown_variant(job, [extraction]),
            of_figures(job, [extraction]),
            (*keys.values(), f"{STEERED}_{quote(test_dataset)}" + ("" if is_usual else f"_{statistics.keys['run_id']}")),
            [extraction],
            {"steering_runs": described, "steering_statistics": statistics},
            job.store.root,
        )
        for test_dataset, is_usual, described, statistics in sorted(
            found, key=lambda run: (run[0], not run[1], run[2].keys["run_id"])
        )
    ]


def _of_carried(job: Job, extraction: Extraction) -> list[Figures]:
    """Of states that were carried between texts of a test set, for each suffix; all sites are in one figure."""
    if not extraction.has_activations:
        return []
    keys = {"dataset": extraction.dataset, "model": extraction.model}
    by_texts: dict[tuple[str, str], dict[str, Partition]] = {}
    for statistics in job.store.partitions("patching_statistics", **keys):
        about = statistics.read(["extraction_id", "test_set", "suffix"]).to_pylist()
        for extraction_id, test_set, suffix in sorted({tuple(row.values()) for row in about}):
            if extraction_id == extraction.extraction_id:
                name = f"patching_statistics of {statistics.keys['run_id']}"
                by_texts.setdefault((test_set, suffix), {})[name] = statistics
    return [
        Figures(
            PATCHED,
            f"{extraction.subject}, carried on {test_set}",
            shown_variant(job, [extraction]),
            of_figures(job, [extraction]),
            (*keys.values(), f"{PATCHED}_{quote(test_set)}" + ("" if suffix == SUFFIX else f"_{quote(suffix.strip())}")),
            [extraction],
            reads,
            job.store.root,
        )
        for (test_set, suffix), reads in sorted(by_texts.items())
    ]


def _across(job: Job, extractions: Sequence[Extraction]) -> Figures:
    dataset = extractions[0].dataset
    reads = _vectors(job, extractions)
    reads |= {f"statistics of {statistics.keys['pair']}": statistics for statistics in cross_model_partitions(job, extractions)}
    reads |= {f"consensus of {dataset}": consensus_partition(job, group) for group in consensus_groups_of(job, extractions)}
    return Figures(
        CROSS_MODEL,
        f"{dataset}, across models",
        shown_variant(job, extractions),
        of_figures(job, extractions, across=True),
        (dataset, CROSS_MODEL),
        extractions,
        reads,
        job.store.root,
    )


def _of_shift(job: Job, pair: DatasetPair) -> Figures:
    """With the figures of the larger of the two datasets."""
    extractions = list(pair)
    return Figures(
        DATASET_SHIFT,
        pair.subject,
        shown_variant(job, extractions),
        of_figures(job, extractions),
        (pair.b.dataset, pair.b.model, f"{DATASET_SHIFT}_{quote(pair.a.dataset)}"),
        extractions,
        _vectors(job, extractions) | {"cross_dataset_statistics": pair.partition(job)},
        job.store.root,
    )


def _beside_words(job: Job, extractions: Sequence[Extraction]) -> list[Figures]:
    """The figure of all directions of a job; none where they have no variant in common."""
    variant = (
        shown_variant_of([variants_of(job, extraction) for extraction in extractions], job.settings) if extractions else None
    )
    if variant is None:
        return []
    selected = {name: values for name, values in of_report(job, variant).items() if name not in Variant._fields}
    qualities = (extraction.partition(job.store, "vector_quality") for extraction in extractions)
    reads = {f"vector_quality of {partition.keys['extraction_id']}": partition for partition in qualities}
    return [Figures(WORDS, "all directions beside words", variant, selected, (WORDS,), extractions, reads, job.store.root)]


def _vectors(job: Job, extractions: Iterable[Extraction]) -> dict[str, Partition]:
    return {f"vectors of {extraction.extraction_id}": extraction.partition(job.store, "vectors") for extraction in extractions}


def consensus_groups_of(job: Job, extractions: Sequence[Extraction]) -> list[list[Extraction]]:
    """The groups of models whose consensus is on the dataset of these extractions."""
    return [members for members in consensus_groups(job) if members[0].dataset == extractions[0].dataset]


def tables(names: Iterable[str]) -> list[str]:
    """The stored tables that queries (or tables) read, through other queries, too."""
    read: set[str] = set()
    for name in names:
        read |= {name} if name in TABLES else set(tables(queries()[name].reads))
    return sorted(read)


def partitions(job: Job, names: Iterable[str]) -> dict[str, Partition]:
    """The partitions of the job's extractions that queries read, committed or not, each under a name.

    Of pairs and groups those that are committed and about no other extraction.
    """
    read = [partition for table in tables(names) for partition in _partitions_of(job, TABLES[table])]
    return {f"{partition.table.name} of {'/'.join(partition.keys.values())}": partition for partition in read}


def _partitions_of(job: Job, table: Table) -> list[Partition]:
    extractions, store = job.with_activations, job.store
    match table.about:
        case About.dataset:
            keys = [(extraction.dataset, extraction.prompts_sha256) for extraction in [*extractions, *_tested_on(job)]]
            return [
                store.partition(table.name, dataset=dataset, prompts_sha256=sha256) for dataset, sha256 in dict.fromkeys(keys)
            ]
        case About.model:
            models = _distinct(extraction.model for extraction in extractions)
            return [partition for model in models for partition in store.partitions(table.name, model=model)]
        case About.extraction:
            # what a model's rows stand beside is shown with them
            beside = [control for extraction in extractions for control in controls_of(store, extraction).values()]
            return [extraction.partition(store, table.name) for extraction in dict.fromkeys([*extractions, *beside])]
        case About.pair | About.group | About.run:
            known = {extraction.extraction_id for extraction in extractions}
            if table.about is About.run:
                # directions of an untrained copy are tried beside those of its model
                known |= {
                    control.extraction_id for extraction in extractions for control in controls_of(store, extraction).values()
                }
            stored = [(partition, partition.extractions()) for partition in store.partitions(table.name)]
            return [partition for partition, ids in stored if ids and known.issuperset(ids)]


def _tested_on(job: Job) -> list[Extraction]:
    """The extractions of the test sets that the job's directions are tested on."""
    return [test for extraction in job.with_activations for test in extractions_of_test_sets(job.store, extraction)]


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def fingerprints(read: Mapping[str, Partition], variant: Variant) -> dict[str, str | None]:
    """The content of partitions for one variant: new rows of another variant do not change it."""
    return {name: fingerprint(partition, part_shown(partition, variant)) for name, partition in read.items()}


def places(read: Mapping[str, Partition], variant: Variant) -> dict[str, str]:
    """Where that content is in the store, so that `emo verify` finds what has changed since."""
    return {name: partition.place_of(part_shown(partition, variant)) for name, partition in read.items()}


def rows(job: Job, variant: Variant, names: Sequence[str]) -> dict[str, Rows]:
    """Rows of each query or table for the job's extractions, of one variant and the emotions asked for, in the job's order."""
    catalog, extractions = Catalog(job.store), job.with_activations
    ids = [extraction.extraction_id for extraction in extractions]
    by_group = [table for table in TABLES.values() if table.about is About.group]
    groups = [partition.keys["consensus_id"] for table in by_group for partition in _partitions_of(job, table)]
    filtered_by: dict[str, Sequence[str]] = {
        "extraction_id": ids,
        "extraction_a": ids,
        "extraction_b": ids,
        # two datasets may hold the same texts, and so have the same content
        "dataset": _distinct(extraction.dataset for extraction in extractions),
        "prompts_sha256": [extraction.prompts_sha256 for extraction in extractions],
        "consensus_id": groups or [""],  # an empty list would not filter
        "model": _distinct(extraction.model for extraction in extractions),
        **{name: [value] for name, value in variant._asdict().items()},
        **{name: job.settings.emotion for name in ("emotion", "emotion_a", "emotion_b") if job.settings.emotion},
    }

    sets = [*extractions, *_tested_on(job)]
    of_prompts: dict[str, Sequence[str]] = {
        "dataset": _distinct(extraction.dataset for extraction in sets),
        "prompts_sha256": _distinct(extraction.prompts_sha256 for extraction in sets),
    }

    def position(row: dict[str, Any]) -> list[int]:
        orders = [(of_prompts["dataset"], row.get("dataset")), (filtered_by["model"], row.get("model"))]
        return [order.index(value) if value in order else 0 for order, value in orders]

    selected = {}
    for name in names:
        columns = {*catalog.rows(f'select * from "{name}" limit 0').column_names}
        # prompts are counted in full, whatever emotions are shown, and those of test sets, too
        wanted = of_prompts if name.startswith("prompt") else filtered_by
        # what was run to change a model is shown with all its references
        left_out = {"reference"} if {TABLES[table].about for table in tables([name])} == {About.run} else set()
        filters = {column: values for column, values in wanted.items() if column in columns - left_out}
        selected[name] = sorted(catalog.dicts(name, **filters), key=position)
    return selected


def figure_fingerprints(job: Job) -> dict[str, str | None]:
    """The content of each folder of figures."""
    manifests = {f"{FIGURES_OF}{json.dumps(folder.parts)}": folder.artifacts.manifest() for folder in planned(job)}
    return {name: manifest.fingerprint if manifest else None for name, manifest in manifests.items()}


def _picture(path: str, svg: bytes, folder: Figures) -> Picture:
    kind, _, caption = described(svg)
    known = CAPTIONS[kind]
    has_maps = bool(known.many) and caption == known.text(many=True)
    models, datasets = (
        _distinct(getattr(extraction, name) for extraction in folder.extractions) for name in ("model", "dataset")
    )
    pairs = [two for two in combinations(sorted(models), 2) if path.endswith(f"/{quote('_'.join((kind, *two)))}.png")]
    return Picture(path, svg, kind, pairs[0] if pairs else tuple(models), tuple(datasets), caption, has_maps)


def pictures(job: Job, page: Path) -> list[Picture]:
    """Every drawn figure, as the report shows it; paths lead there from the folder `page`."""
    drawn = []
    for folder in figures(job):
        manifest = folder.artifacts.manifest()
        for entry in manifest.files if manifest else ():
            if entry.name.endswith(".svg"):
                svg = folder.artifacts.folder / entry.name
                png = Path(os.path.relpath(svg.with_suffix(".png"), page))
                drawn.append(_picture(png.as_posix(), svg.read_bytes(), folder))
    return drawn
