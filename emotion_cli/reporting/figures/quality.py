"""Whether there is a direction at all."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.measure import LAYER, Beside, Level, Measure, Row, Strip
from emotion_cli.reporting.figures.profile import profiles
from emotion_cli.reporting.figures.scale import AUROC, SHARE
from emotion_cli.reporting.figures.sheet import Sheet
from emotion_cli.reporting.figures.theme import DASHES

WITHIN_TOPICS = "its null: labels permuted within topics"
WORDS = Beside("auroc_words", "TF-IDF of words", DASHES[1])

SEPARATION = Measure(
    "auroc",
    "AUROC",
    AUROC,
    ("auroc_ci_low", "auroc_ci_high"),
    ("auroc_null_low", "auroc_null_high"),
    WITHIN_TOPICS,
    (WORDS, Beside("auroc_surface", "final character, number of words and first word alone", DASHES[2])),
    (Level(0.5, ""),),
    limits=(0.0, 1.0),
    spans=(0.4, 1.0),
    verdict="verdict",
)
RELIABILITY = Measure(
    "split_half",
    "agreement of halves",
    SHARE,
    null=(None, "split_half_null_high"),
    null_meaning=WITHIN_TOPICS,
    levels=(Level(0.0, ""),),
    spans=(0.0, 1.0),
)
ON_TEST_SET = SEPARATION._replace(
    null=(None, "auroc_null_high"), null_meaning="its null: labels permuted within test topics", beside=(WORDS,), verdict=None
)


def direction_quality(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """AUROC and split-half reliability of each emotion's direction by layer (rows of `direction_quality_by_layer`)."""
    of_layers = [row for row in rows if row["layer"] is not None]
    strips = [Strip(SEPARATION, of_layers), Strip(RELIABILITY, of_layers)]
    return profiles(Sheet("direction_quality", subject, variant), strips, ["emotion"], LAYER)


def test_sets(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """AUROC of each emotion's direction on each test set by layer (rows of `test_sets_by_layer`), beside TF-IDF of words."""
    of_layers = [row for row in rows if row["layer"] is not None]
    strips = [
        Strip(ON_TEST_SET, [row for row in of_layers if row["test_set"] == name], f"on {name}")
        for name in sorted({row["test_set"] for row in of_layers})
    ]
    return profiles(Sheet("test_sets", subject, variant), strips, ["emotion"], LAYER)
