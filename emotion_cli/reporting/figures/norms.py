"""How long emotion vectors are."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.lines import FEW_LINES, lines
from emotion_cli.reporting.figures.measure import DEPTH, LAYER, Measure, Row, Strip
from emotion_cli.reporting.figures.profile import profiles
from emotion_cli.reporting.figures.scale import Scale
from emotion_cli.reporting.figures.sheet import Sheet

RELATIVE = Measure("relative_norm", "length over that of reference activations", Scale(0, 0, "cividis"), spans=(0.0,))
EUCLIDEAN = Measure("l2_norm", "Euclidean length", Scale(0, 0, "cividis", logarithmic=True), spans=(0.0,))


def relative_norm(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Length of each emotion's vector over that of activations, by layer (rows of `vector_norms_by_layer`)."""
    return _norms(Sheet("relative_norm", subject, variant), RELATIVE, list(rows))


def l2_norm(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Euclidean length of each emotion's vector by layer (rows of `vector_norms_by_layer`)."""
    return _norms(Sheet("l2_norm", subject, variant), EUCLIDEAN, list(rows))


def relative_norm_by_depth(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Relative length of each emotion's vector in several models, by relative depth (rows of `vector_norms_by_layer`)."""
    placed = [row for row in rows if row["relative_depth"] is not None]
    return lines(Sheet("relative_norm_by_depth", subject, variant), RELATIVE, placed, ["emotion"], ["model"], DEPTH)


def _norms(sheet: Sheet, measure: Measure, rows: list[Row]) -> Sheet:
    if len({row["emotion"] for row in rows}) > FEW_LINES:
        return profiles(sheet, [Strip(measure, rows)], ["emotion"], LAYER)
    return lines(sheet, measure, rows, [], ["emotion"], LAYER)
