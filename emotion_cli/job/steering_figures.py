"""The figures of a run that changed a model: what was predicted, what came of it, and whose texts it moved."""

from collections.abc import Sequence
from typing import Any

from emotion_cli.job.extractions import depth
from emotion_cli.job.job import Job
from emotion_cli.job.outputs import Figures
from emotion_cli.reporting import figures
from emotion_cli.settings import layer_numbers
from warehouse.catalog import Catalog

Row = dict[str, Any]


def draw(job: Job, folder: Figures) -> dict[str, figures.Sheet]:
    """Figures of one run by the name of their files: a dose-response for each reference and layer."""
    (extraction,) = folder.extractions
    (run_id,) = {partition.keys["run_id"] for partition in folder.reads.values()}
    catalog, layers = Catalog(job.store), layer_numbers(job.settings.layer, depth(job.store, extraction))

    def read(query: str) -> list[Row]:
        of_variant = {"method": [folder.variant.method], "pooling": [folder.variant.pooling]}
        rows = catalog.dicts(query, run_id=[run_id], **of_variant)
        return [row for row in rows if row.get("control") is None and is_shown(row, job.settings.emotion, layers)]

    predicted, added, deciding = (
        read(name) for name in ("steering_responses_by_layer", "steering_effects_by_alpha", "steering_verdicts_by_emotion")
    )
    runs = {(row["test_dataset"], row["positions"], row["prefix"], row["unit"]) for row in predicted}
    if not runs:
        job.listener.note(f"{folder.subject}: nothing is known at these layers, and nothing is drawn")
        return {}
    ((test_dataset, positions, prefix, unit),) = runs
    subject = f"{extraction.model}, {extraction.dataset} on {test_dataset}"
    how = f"unit {unit}, positions {positions}" + (f", prefix {prefix}" if prefix else "")
    about = (subject, f"{folder.variant.method}, pooling {folder.variant.pooling}, {how}")
    drawn = {"responses": figures.responses(predicted, *about)}
    for reference, layer in sorted({(row["reference"], row["layer"]) for row in added}):
        members = [row for row in added if (row["reference"], row["layer"]) == (reference, layer)]
        at = f"{about[1]}, reference {reference}, layer {layer}"
        drawn[f"dose_response_{reference}_{layer}"] = figures.dose_response(members, subject, at)
    common: dict[tuple, float] = {}
    for row in deciding:
        key = (row["reference"], row["layer"])
        common[key] = min(row["alpha"], common.get(key, row["alpha"]))
    shown = [row for row in read("steering_matrix_by_alpha") if row["alpha"] == common.get((row["reference"], row["layer"]))]
    if shown:
        drawn["steering_matrix"] = figures.steering_matrix(shown, *about)
    return drawn


def is_shown(row: Row, emotions: Sequence[str], layers: Sequence[int]) -> bool:
    """Whether a row is of the emotions and layers that were asked for, if any."""
    is_of_layer = not layers or row["layer"] in (None, *layers)
    return is_of_layer and (not emotions or row["emotion"] in emotions)
