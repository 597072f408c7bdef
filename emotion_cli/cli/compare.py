"""`emo compare`: how alike emotions are in one model, and one emotion in two models."""

from emotion_cli.cli import options as o
from emotion_cli.cli.output import Format, format_of, write_heading, write_rows

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
        "direction",
        "fit",
        "aligned_cosine",
        "null_high",
        "p_value",
        "ceiling",
        "specificity",
        "specificity_low",
        "transfer_auroc",
        "verdict",
    ),
}
"""The queries that are printed, and their columns."""


def compare(
    dataset: o.Dataset = None,
    model: o.Model = None,
    emotion: o.Emotion = None,
    pooling: o.Pooling = None,
    recipe: o.Recipe = None,
    method: o.Method = None,
    reference: o.Reference = None,
    over_layers: o.OverLayers = None,
    neutral: o.Neutral = None,
    extraction: o.Extraction = None,
    seed: o.Seed = None,
    draws: o.Draws = None,
    all_layers: o.AllLayers = None,
    subspaces: o.Subspaces = None,
    store: o.StoreDir = None,
    force: o.Force = False,
    format: o.RowFormat = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Compare emotions within and across models, and print the summary tables (machine formats: the first of them)."""
    settings, console, opened = o.start(
        reads=True,
        quiet=quiet,
        verbose=verbose,
        recipe=recipe,
        dataset=dataset,
        model=model,
        emotion=emotion,
        pooling=pooling,
        method=method,
        reference=reference,
        over_layers=over_layers,
        neutral=neutral,
        extraction=extraction,
        seed=seed,
        draws=draws,
        all_layers=all_layers,
        subspaces=subspaces,
        store=store,
    )
    format = format_of(format)
    from emotion_cli import pipeline
    from warehouse.catalog import Catalog

    job = pipeline.job_in_store(opened, settings, console, forced={"quality", "compare"} if force else (), vectors_suffice=True)
    pipeline.run(job, pipeline.stages("vectors", "compare"))
    catalog = Catalog(opened)
    ids = [scope.extraction_id for scope in job.with_vectors]
    shared = {"pooling": settings.pooling, "reference": [settings.reference], "method": [settings.method]}
    filters = {
        "within_model_similarity_by_model": {
            "extraction_id": ids,
            "emotion_a": settings.emotion,
            "emotion_b": settings.emotion,
            **shared,
        },
        "cross_model_similarity_by_emotion": {"extraction_a": ids, "extraction_b": ids, "emotion": settings.emotion, **shared},
        "consensus_by_emotion": {"extraction_id": ids, "emotion": settings.emotion, **shared},
        "cross_model_alignment_by_emotion": {
            "fit": ["ridge"],
            "extraction_a": ids,
            "extraction_b": ids,
            "emotion": settings.emotion,
            **shared,
        },
    }
    for_people = format in (Format.table, Format.markdown)
    for name in SUMMARIES if for_people else list(SUMMARIES)[:1]:
        rows = catalog.select(name, SUMMARIES[name], **filters[name])
        if name.startswith(("cross_model", "consensus")) and not rows.num_rows:
            if name == "cross_model_similarity_by_emotion" and len({scope.model for scope in job.with_vectors}) > 1:
                console.note("raw cosine across models: no two models of one dataset have equal width, so it is not defined")
            continue
        write_heading(name, format)
        write_rows(rows, format)
        if for_people and name != list(SUMMARIES)[-1]:
            write_heading("", Format.table)
    if not for_people:
        console.note(f"across models: emo sql cross_model_similarity_by_emotion --format {format}")
