"""One emotion in several models, as they stand."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.lines import lines
from emotion_cli.reporting.figures.measure import LAYER, Level, Measure, Row
from emotion_cli.reporting.figures.scale import COSINE
from emotion_cli.reporting.figures.sheet import Sheet

RAW = Measure(
    "cosine_similarity",
    "raw cosine",
    COSINE,
    null=("chance_low", "chance_high"),
    null_meaning="95 % of the cosines of unrelated directions",
    levels=(Level(0.0, ""),),
)


def raw_cosine(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Raw cosine of each emotion in every two models of equal width, by layer (rows of `cross_model_similarity_by_layer`)."""
    banded = [
        dict(row) | {"chance_low": -1.96 * row["chance_stddev"], "chance_high": 1.96 * row["chance_stddev"]} for row in rows
    ]
    return lines(Sheet("raw_cosine", subject, variant), RAW, banded, ["emotion"], ["model_a", "model_b"], LAYER)
