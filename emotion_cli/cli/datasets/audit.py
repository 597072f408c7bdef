"""`emo datasets audit`: how well surface features and words predict the label."""

import typer

from emotion_cli.cli.completion import SUGGESTIONS
from emotion_cli.cli.options import MODEL_TO_RUN, Force, Start, takes
from emotion_cli.errors import CheckFailedError

LABELS = (
    "dataset",
    "emotion",
    "n_prompts",
    "n_repeated",
    "mean_words",
    "min_words",
    "max_words",
    "final_char_share",
    "first_word_share",
    "own_word_share",
    "complete_topics_share",
)
PAIRS = (
    "dataset",
    "emotion_a",
    "emotion_b",
    "surface_auroc",
    "ci_low",
    "ci_high",
    "final_char_auroc",
    "n_words_auroc",
    "first_word_auroc",
    "words_auroc",
    "words_ci_low",
    "words_ci_high",
    "passes",
)
"""Columns of the two queries that are printed."""


@takes(
    *("dataset", "model", "seed", "draws", "cache", "store", "format", "everything", "quiet"),
    dataset=typer.Argument(
        None, help="Prompt sets; all if none is given.", show_default=False, autocompletion=SUGGESTIONS["dataset"]
    ),
    model=MODEL_TO_RUN,
)
def audit(start: Start, force: Force = False) -> None:
    """Check how well surface features or words predict the label; exit code 4 if so (machine formats: pairs of labels only)."""
    settings, console, store, rows = start.settings, start.console, start.store, start.rows
    from emotion_cli import pipeline
    from emotion_cli.stages.audit import audit_partition, findings, verdict_of
    from warehouse.catalog import Catalog

    job = pipeline.job_on_prompts(store, settings, console, forced={"audit"} if force else ())
    pipeline.run(job, pipeline.stages("audit", "audit"))
    catalog = Catalog(store)
    versions = {
        "dataset": [extraction.dataset for extraction in job.extractions],
        "prompts_sha256": [extraction.prompts_sha256 for extraction in job.extractions],
    }
    if rows.for_people:
        rows.write_heading("prompt_audit_by_emotion")
        rows.write(catalog.select("prompt_audit_by_emotion", LABELS, **versions))
        if settings.model:
            rows.write_heading("\ntokens a prompt")
            rows.write_records(pipeline.token_counts(job))
        rows.write_heading("\nprompt_audit_by_pair")
    rows.write(catalog.select("prompt_audit_by_pair", PAIRS, **versions))
    failed = []
    for extraction in job.extractions:
        partition = audit_partition(store, extraction.dataset, extraction.prompts_sha256)
        for sentence in findings(partition):
            console.note(f"{extraction.dataset}: {sentence}")
        verdict = verdict_of(partition, extraction.dataset)
        console.note(verdict.text)
        failed += [] if verdict.passes else [extraction.dataset]
    if failed:
        raise CheckFailedError(
            f"{', '.join(failed)}: surface features or words predict the label, or may do so",
            hint="emo datasets show " + failed[0],
        )
