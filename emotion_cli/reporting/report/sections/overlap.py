"""Training sets that share prompts: their directions are not counted twice."""

from collections.abc import Sequence

from emotion_cli.reporting.report.facts import Facts, Row

SHIFT = "dataset_shift_by_layer"


def overlapping(facts: Facts) -> dict[str, str]:
    """Each training set that shares prompts with a larger one of the report, and that one."""
    return {row["dataset_a"]: row["dataset_b"] for row in facts.of(SHIFT)}


def counted(rows: Sequence[Row], facts: Facts) -> list[Row]:
    """The rows that page one counts: those of sets that share no prompts with a larger one."""
    smaller = overlapping(facts)
    return [row for row in rows if row["dataset"] not in smaller]
