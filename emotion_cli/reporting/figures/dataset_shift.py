"""One model's directions on two datasets."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.measure import LAYER, Level, Measure, Row, Strip
from emotion_cli.reporting.figures.profile import profiles
from emotion_cli.reporting.figures.scale import COSINE
from emotion_cli.reporting.figures.sheet import Sheet

SHIFT = Measure(
    "cosine_unbiased",
    "cosine without noise",
    COSINE,
    ("ci_low", "ci_high"),
    ("null_low", "null_high"),
    "its null: labels of the rest permuted within topics",
    levels=(Level(0.0, ""), Level(0.8, "0.8: a whole interval above it is called the same direction")),
    limits=(-1.1, 1.5),
    spans=(0.0, 1.0),
    verdict="verdict",
)


def dataset_shift(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Cosine without noise of a direction on a dataset and on the rest of another (rows of `dataset_shift_by_layer`)."""
    return profiles(Sheet("dataset_shift", subject, variant), [Strip(SHIFT, list(rows))], ["emotion"], LAYER)
