"""What directions do to a model: predicted at every layer, added in several amounts, and on the texts of every label."""

from collections.abc import Iterable, Sequence
from math import inf

from emotion_cli.reporting.figures.measure import ALPHA, LAYER, Beside, Level, Measure, Row, Strip, number
from emotion_cli.reporting.figures.profile import profiles
from emotion_cli.reporting.figures.scale import SHARE, Scale, on, paint, scale_bar, shade_undefined
from emotion_cli.reporting.figures.sheet import Sheet
from emotion_cli.reporting.figures.theme import DASHES

OTHERS = "others"
BUDGET = 0.5
"""KL from which on an effect is not counted."""

PERMUTED = "directions of permuted labels: 95 % lie there"
GAUSSIANS = "Gaussian directions: 95 % lie between"
ZERO = Level(0.0, "")
FROM_ZERO = Scale(0.0, 0.0, "cividis")

RESPONSE = Measure(
    "response",
    "change for alpha 1",
    SHARE,
    ("ci_low", "ci_high"),
    ("null_low", "null_high"),
    PERMUTED,
    (
        Beside("gaussian_high", GAUSSIANS, DASHES[2]),
        Beside("gaussian_low", GAUSSIANS, DASHES[2]),
        Beside("response_own", "the emotion's own texts alone", DASHES[1]),
    ),
    (ZERO,),
    limits=(-inf, inf),
)
EFFECT = Measure(
    "effect",
    "difference of changes",
    SHARE,
    ("ci_low", "ci_high"),
    ("null_low", "null_high"),
    PERMUTED,
    (Beside("predicted", "alpha times the first-order response", DASHES[1]),),
    (ZERO,),
    limits=(-inf, inf),
)
OWN_TEXTS = Measure(
    "effect_own", "change of own texts", SHARE, ("effect_own_low", "effect_own_high"), levels=(ZERO,), limits=(-inf, inf)
)
DAMAGE = Measure(
    "damage_kl", "KL on neutral texts", FROM_ZERO, levels=(Level(BUDGET, "damage budget"),), limits=(-inf, inf), spans=(0.0, 0.55)
)

CELL = 0.82
"""Inches of a cell that holds a number."""

NUMBERED = 8
"""So many labels, or fewer, have numbers in their cells."""


def responses(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """First-order response by layer (rows of `steering_responses_by_layer`), a strip for each reference."""
    of_layers = [row for row in rows if row["layer"] is not None]
    strips = []
    for reference in _references(of_layers):
        members = [row for row in of_layers if row["reference"] == reference]
        strips.append(Strip(RESPONSE._replace(scale=_around_zero(members, "response")), members, _against(reference)))
    return profiles(Sheet("responses", subject, variant), strips, ["emotion"], LAYER)


def dose_response(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Effect, change of own and of the reference's texts, and KL by alpha (rows of `steering_effects_by_alpha`).

    Rows are of one reference and one layer. At alpha 0 all is 0, as nothing is added.
    """
    rows = list(rows)
    emotions = sorted({row["emotion"] for row in rows})
    reference = rows[0]["reference"] if rows else ""
    nothing = [_nothing_added(emotion) for emotion in emotions]
    shown = [*nothing, *({**row, "effect_on_reference": _minus(row["effect_own"], row["effect"])} for row in rows)]
    whose = "texts of the other emotions" if reference == OTHERS else f"{reference} texts"
    own = OWN_TEXTS._replace(beside=(Beside("effect_on_reference", f"change of {whose}", DASHES[2]),))
    around = (measure._replace(scale=_around_zero(shown, measure.value)) for measure in (EFFECT, own))
    strips = [Strip(measure, shown) for measure in (*around, DAMAGE)]
    return profiles(Sheet("dose_response", subject, variant), strips, ["emotion"], ALPHA)


def steering_matrix(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Change of the texts of every label (columns) under each emotion's direction (rows), at one alpha for each map.

    Rows of `steering_matrix_by_alpha`, of which each reference, layer and alpha makes a map.
    """
    rows = list(rows)
    groups = sorted({(row["reference"], row["layer"], row["alpha"]) for row in rows}, key=lambda key: (key[0] == OTHERS, *key))
    emotions = sorted({row["emotion"] for row in rows})
    targets = [*emotions, *sorted({row["target_emotion"] for row in rows} - {*emotions})]
    scale = _around_zero(rows, "effect")
    has_numbers = len(targets) <= NUMBERED
    sheet = Sheet("steering_matrix", subject, variant, many=not has_numbers)
    cell = CELL if has_numbers else max(0.2, min(0.45, 7.0 / len(targets)))
    for i, (reference, layer, alpha) in enumerate(groups):
        members = [row for row in rows if (row["reference"], row["layer"], row["alpha"]) == (reference, layer, alpha)]
        title = f"{_against(reference)}, layer {layer}, alpha {alpha:g}"
        panel = sheet.panel(i, 0, cell * len(targets), (0.5 if has_numbers else cell) * len(emotions), title)
        grid = [[float("nan")] * len(targets) for _ in emotions]
        for row in members:
            grid[emotions.index(row["emotion"])][targets.index(row["target_emotion"])] = number(row["effect"])
        painted, axes = paint(grid, scale), panel.axes
        extent = (-0.5, len(targets) - 0.5, len(emotions) - 0.5, -0.5)
        axes.imshow(painted, interpolation="none", aspect="auto", extent=extent)
        axes.set_xlim(*extent[:2])
        axes.set_ylim(*extent[2:])
        panel.framed = False
        shade_undefined(axes, [(x, y) for y, values in enumerate(grid) for x, value in enumerate(values) if value != value])
        for row in members if has_numbers else ():
            y, x = emotions.index(row["emotion"]), targets.index(row["target_emotion"])
            for text, size, below in _cell(row):
                ink, va = on(painted[y][x]), "top" if below > 0 else "bottom"
                axes.text(x, y + below, text, color=ink, fontsize=size, ha="center", va=va)
        panel.y_ticks = list(enumerate(emotions))
        panel.x_ticks = list(enumerate(targets))
        panel.upright = not has_numbers or any(len(target) > 11 for target in targets)
        panel.x_label = "label of the texts"
        sheet.y_labels[i] = "direction"
    scale_bar(sheet, len(groups), 0, 2.4, scale, "change of log-probability, nats a token")
    return sheet


def _references(rows: Sequence[Row]) -> list[str]:
    """References in the order of strips: labels, then the other emotions."""
    return sorted({row["reference"] for row in rows}, key=lambda reference: (reference == OTHERS, reference))


def _against(reference: str) -> str:
    return "against the other emotions" if reference == OTHERS else f"against {reference}"


def _around_zero(rows: Iterable[Row], column: str) -> Scale:
    """From minus the largest value to it."""
    most = max((abs(row[column]) for row in rows if row[column] is not None), default=0.0) or 1.0
    return Scale(-most, most, "RdBu_r", 0.0)


def _nothing_added(emotion: str) -> Row:
    columns = ("effect", "ci_low", "ci_high", "effect_own", "effect_own_low", "effect_own_high", "effect_on_reference")
    return {
        "emotion": emotion,
        "alpha": 0.0,
        **dict.fromkeys((*columns, "damage_kl", "predicted"), 0.0),
        **dict.fromkeys(("null_low", "null_high")),
    }


def _minus(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _cell(row: Row) -> list[tuple[str, float, float]]:
    """What stands in a cell: the text, its size, and where, below the middle."""
    value, low, high = (row[name] for name in ("effect", "ci_low", "ci_high"))
    if value is None:
        return [("not defined", 7.0, 0.0)]
    if low is None or high is None:
        return [(_signed(value), 8.5, -0.02)]
    return [(_signed(value), 8.5, -0.02), (f"{_signed(low)} to {_signed(high)}", 6.0, 0.08)]


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
