"""Test texts to what each head and MLP writes onto a direction, and which parts differ between labels."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.job.datasets import Version
from emotion_cli.job.job import Job, Task, why
from emotion_cli.job.layers import read_layer
from emotion_cli.job.membership import membership_of
from emotion_cli.job.scoring import METHOD, Scoring
from emotion_cli.job.selection import named
from emotion_cli.job.statistics import sampling_of, statistics_table, statistics_task
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.statistic import Statistic
from emotion_cli.measures.labels import OTHERS
from emotion_cli.measures.scoring.crossfit import unit_directions
from emotion_cli.measures.within import components
from emotion_cli.prompts.words import last_word
from emotion_cli.reporting import figures
from warehouse.artifacts import Artifacts
from warehouse.catalog import Catalog
from warehouse.store import Partition, content_hash, quote

HEADS_VERSION = 1
"""Raised when the same texts give other parts."""

SEARCHED = ("embedding", "head", "mlp")
"""Kinds of parts over which the largest is taken: what a bias writes does not depend on the text."""


def partition(job: Job, scoring: Scoring, test: Version) -> Partition:
    """The part of the table that is about a test set."""
    extraction = scoring.extraction
    identity = [extraction.extraction_id, METHOD, scoring.pooling, scoring.neutral, test.dataset, test.prompts_sha256]
    keys = {"dataset": extraction.dataset, "model": extraction.model}
    return job.store.partition("component_statistics", **keys, run_id=content_hash(identity)[:16])


def statistics(job: Job, scoring: Scoring, test: Version, layers: Sequence[int]) -> Task:
    """The task that measures which parts differ between a test set's labels: a part of the table for each layer."""
    prompts = job.store.partition("prompts", dataset=test.dataset, prompts_sha256=test.prompts_sha256)
    activations = scoring.extraction.partition(job.store, "activations")
    return statistics_task(
        job,
        "heads",
        f"{scoring.extraction.subject}, {test.dataset}",
        partition(job, scoring, test),
        reads={
            "activations": activations,
            "prompts": scoring.extraction.prompts(job.store),
            f"prompts of {test.dataset}": prompts,
        },
        part_names=[f"layer {layer}" for layer in layers],
        make=lambda job, part: _statistics(job, scoring, test, prompts, int(part.removeprefix("layer "))),
        heads_version=HEADS_VERSION,
    )


def figure(job: Job, scoring: Scoring, test: Version, layers: Mapping[str, int], *, chosen: bool) -> Task:
    """The task that draws heads by block, a file for each reference."""
    of_run = partition(job, scoring, test)
    artifacts = figure_folder(job, scoring, test, layers, chosen=chosen)
    manifest = of_run.manifest()
    inputs: dict[str, Any] = {
        "figures_version": figures.FIGURES_VERSION,
        "layers": dict(sorted(layers.items())),
        "statistics": manifest.fingerprint if manifest else None,
    }

    def run(job: Job) -> None:
        rows = rows_of(job, scoring, test, layers)
        files = {}
        for reference in dict.fromkeys(row["reference"] for row in rows):
            about = f"{scoring.extraction.model}, {scoring.extraction.dataset} on {test.dataset}"
            of_reference = [row for row in rows if row["reference"] == reference]
            drawn = figures.heads_by_block(of_reference, about, f"reference {reference}, pooling {scoring.pooling}").files()
            files |= {f"{quote(f'heads_{reference}')}.{ending}": content for ending, content in drawn.items()}
        artifacts.commit(files, inputs, reads={"statistics": of_run.place})

    return Task("heads", f"figure of {test.dataset}", (of_run.folder,), artifacts.folder, why(artifacts.manifest(), inputs), run)


def figure_folder(job: Job, scoring: Scoring, test: Version, layers: Mapping[str, int], *, chosen: bool) -> Artifacts:
    """Where the figures are; emotions name it, and layers that somebody has chosen."""
    selected = {
        "heads": [test.dataset],
        "pooling": [scoring.pooling],
        "emotion": sorted(layers) if len(layers) < len(scoring.emotions) else [],
        "layer": [str(layer) for layer in sorted({*layers.values()})] if chosen else [],
    }
    extraction = scoring.extraction
    return Artifacts(job.store.root.joinpath("figures", quote(extraction.dataset), quote(extraction.model), named(selected)))


def rows_of(job: Job, scoring: Scoring, test: Version, layers: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows of `parts_by_block` for a test set, each emotion at its layer."""
    run_id = partition(job, scoring, test).keys["run_id"]
    rows = Catalog(job.store).dicts("parts_by_block", run_id=[run_id], emotion=list(layers))
    kept = [row for row in rows if row["layer"] == layers[row["emotion"]]]
    return sorted(kept, key=lambda row: (row["emotion"], row["reference"] == OTHERS, row["block"] or 0, row["head"] or 0))


class _Row(NamedTuple):
    emotion: str
    reference: str
    component: str
    block: int | None
    head: int | None
    statistic: Statistic


def _statistics(job: Job, scoring: Scoring, test: Version, prompts: Partition, layer: int) -> pa.Table:
    from emotion_cli.models.parts import parts_along
    from emotion_cli.models.pooling import POOLINGS
    from emotion_cli.models.reader import Reader, Reading

    extraction, settings = scoring.extraction, job.settings
    trained = read_layer(extraction.partition(job.store, "activations"), scoring.pooling, layer)
    labels = scoring.labels(job, trained.prompt_ids, trained.labels)
    directions = unit_directions(trained.activations, labels, scoring.references).reshape(-1, trained.activations.shape[1])
    rows = sorted(prompts.read(["prompt_id", "text", "emotion"]).to_pylist(), key=lambda row: row["prompt_id"])
    ids, texts, names = ([row[name] for row in rows] for name in ("prompt_id", "text", "emotion"))
    loaded = job.loaded(extraction.model)
    reader = Reader(loaded, Reading(settings.bos, settings.chat_template), notify=job.listener.note)
    tokens = reader.tokens(texts, None, list(map(last_word, texts)))
    positions = [
        list(POOLINGS[scoring.pooling](len(row), marks))
        for row, marks in zip(tokens.ids, tokens.marks(range(len(texts))), strict=True)
    ]
    kept = [i for i, of_text in enumerate(positions) if of_text]
    if len(kept) < len(texts):
        job.listener.note(
            f"{test.dataset}: {len(texts) - len(kept)} texts without a token for pooling {scoring.pooling} left out"
        )
    made = parts_along(loaded, [tokens.ids[i] for i in kept], [positions[i] for i in kept], layer, np.nan_to_num(directions))
    job.listener.note(
        f"{extraction.model}, layer {layer}: {len(made.parts) - 1} parts add up to the state, error {made.error:.1e}"
    )
    of_labels, member = [names[i] for i in kept], membership_of([prompts], [ids[i] for i in kept])
    searched = np.array([part.kind in SEARCHED for part in made.parts])
    found: list[_Row] = []
    for column, (reference, emotion) in enumerate(scoring.columns):
        concerned = sorted(scoring.emotions if reference == OTHERS else {emotion, reference})
        if len(concerned) < 2 or not np.isfinite(directions[column]).all() or not {*concerned} <= {*of_labels}:
            continue
        sampling = sampling_of(job, test.dataset, "heads", reference)
        contrast = Contrast(emotion, draws_of(of_labels, member.topics, concerned, sampling, member.clusters))
        measured = components.statistics(components.differences(contrast, made.values[:, :, column]), contrast, searched)
        found += [
            _Row(emotion, reference, part.kind, part.block, part.head, statistic)
            for part, statistic in zip(made.parts, measured, strict=True)
        ]
    return statistics_table(
        "component_statistics",
        found,
        extraction_id=extraction.extraction_id,
        pooling=scoring.pooling,
        test_set=test.dataset,
        layer=layer,
    )
