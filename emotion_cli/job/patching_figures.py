"""The figure of states that were carried between the texts of a test set: what share of the whole is held at each layer."""

from itertools import groupby

from emotion_cli.job.extractions import depth
from emotion_cli.job.job import Job
from emotion_cli.job.outputs import Figures
from emotion_cli.job.patching import DIRECTION
from emotion_cli.job.steering_figures import is_shown
from emotion_cli.reporting import figures
from emotion_cli.settings import layer_numbers
from warehouse.catalog import Catalog


def draw(job: Job, folder: Figures) -> dict[str, figures.Sheet]:
    """The figure, by the name of its file; of several runs of a site the one with the most layers."""
    (extraction,) = folder.extractions
    ids = sorted({partition.keys["run_id"] for partition in folder.reads.values()})
    layers, variant = layer_numbers(job.settings.layer, depth(job.store, extraction)), folder.variant
    rows = [
        row
        for row in Catalog(job.store).dicts("patching_shares_by_layer", run_id=ids)
        # a whole state is the same whatever the directions are
        if (row["site"] != DIRECTION or (row["reference"], row["pooling"]) == (variant.reference, variant.pooling))
        and is_shown(row, job.settings.emotion, layers)
    ]
    if not rows:
        job.listener.note(f"{folder.subject}: nothing is known at these layers, and nothing is drawn")
        return {}
    runs = [
        (site, list(members))
        for (site, _), members in groupby(sorted(rows, key=_run_of), key=lambda row: (row["site"], row["run_id"]))
    ]
    # a later run of a site takes the place of one that is as long
    shown = dict(sorted(runs, key=lambda run: (len(run[1]), all(row["is_carried"] for row in run[1]))))
    subject = f"{extraction.model}, {extraction.dataset} on {rows[0]['test_set']}"
    how = f"suffix \N{LEFT DOUBLE QUOTATION MARK}{rows[0]['suffix'].strip()}\N{RIGHT DOUBLE QUOTATION MARK}"
    about = f"{how}, directions: reference {variant.reference}, pooling {variant.pooling}"
    return {"shares_by_layer": figures.shares_by_layer([row for of_site in shown.values() for row in of_site], subject, about)}


def _run_of(row: dict) -> tuple[str, str, str, int]:
    return (row["site"], row["run_id"], row["emotion"], row["layer"])
