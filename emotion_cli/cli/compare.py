"""`emo compare`: how alike emotions are in one model, and one emotion in two models."""

from emotion_cli.cli.filters import rows_of_vectors
from emotion_cli.cli.options import VECTORS, Force, Start, takes
from emotion_cli.cli.output import write_lines
from emotion_cli.settings import as_options

SUMMARIES = {
    "within_model_similarity_by_model": (
        "dataset",
        "model",
        "reference",
        "pooling",
        "emotion_a",
        "emotion_b",
        "mean_cosine_similarity",
        "null_low",
        "null_high",
        "equidistance",
        "mean_unbiased_cosine",
        "ci_low",
        "ci_high",
        "verdict",
        "mean_distance_ratio",
        "mean_others_cosine",
    ),
    "cross_model_similarity_by_emotion": (
        "dataset",
        "model_a",
        "model_b",
        "reference",
        "pooling",
        "emotion",
        "avg_cosine_similarity",
        "cosine_stddev_pop",
        "min_cosine_similarity",
        "max_cosine_similarity",
        "chance_stddev",
    ),
    "consensus_by_emotion": (
        "dataset",
        "model",
        "reference",
        "pooling",
        "emotion",
        "share",
        "ci_low",
        "ci_high",
        "null_high",
        "p_value",
        "verdict",
    ),
    "cross_model_alignment_by_emotion": (
        "dataset",
        "model_a",
        "model_b",
        "emotion",
        "mapping",
        "fit",
        "aligned_cosine",
        "null_high",
        "q_value",
        "ceiling",
        "specificity",
        "specificity_low",
        "others_cosine",
        "others_low",
        "smallest_effect",
        "verdict",
    ),
}
"""The queries that are printed, and their columns."""


@takes(*VECTORS, "seed", "draws", "all_layers", "subspaces", "format", "everything", needs_store="yes")
def compare(start: Start, force: Force = False) -> None:
    """Compare emotions within and across models, and print the summary tables (machine formats: the first of them)."""
    settings, console, store, rows = start.settings, start.console, start.store, start.rows
    from emotion_cli import pipeline
    from warehouse.catalog import Catalog
    from warehouse.library import queries

    job = pipeline.job_in_store(store, settings, console, forced={"quality", "compare"} if force else (), vectors_suffice=True)
    pipeline.run(job, pipeline.stages("vectors", "compare"))
    catalog = Catalog(store)
    for name in SUMMARIES if rows.for_people else list(SUMMARIES)[:1]:
        more = {"fit": ["ridge"]} if name == "cross_model_alignment_by_emotion" else {}
        summary = rows_of_vectors(catalog, name, SUMMARIES[name], settings, job.listed, **more)
        if name.startswith(("cross_model", "consensus")) and not summary.num_rows:
            if name == "cross_model_similarity_by_emotion" and len({extraction.model for extraction in job.listed}) > 1:
                console.note("raw cosine across models: no two models of one dataset have equal width, so it is not defined")
            continue
        rows.write_heading(name)
        rows.write(summary, queries()[name].grain)
        if rows.for_people and name != list(SUMMARIES)[-1]:
            write_lines([""])
    if not rows.for_people:
        filters = as_options(settings, ("dataset", "model", "emotion"))
        console.note(f"across models: emo sql cross_model_similarity_by_emotion{filters} --format {rows.format}")
