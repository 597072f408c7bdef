"""Colours, dashes and markers of all figures, in light and dark."""

from typing import NamedTuple


class Colour(NamedTuple):
    """A colour on white, and what takes its place on a dark ground."""

    light: str
    dark: str


GROUND = Colour("#ffffff", "#16181c")
INK = Colour("#1f1f1f", "#e8e8e8")
FAINT = Colour("#5c5c5c", "#aaaaaa")
AXIS = Colour("#8a8a8a", "#7a7a7a")
GRID = Colour("#e2e2e2", "#33363c")
CHANCE = Colour("#c4c4c4", "#4a4e55")

# Okabe and Ito's palette without its yellow, and one of Tol's: most colour-blind readers can distinguish them.
SERIES = (
    Colour("#0072b2", "#56aee6"),
    Colour("#d55e00", "#ff8f45"),
    Colour("#009e73", "#33cfa2"),
    Colour("#cc79a7", "#eaa3c9"),
    Colour("#e69f00", "#ffc552"),
    Colour("#56b4e9", "#a5dbff"),
    Colour("#101010", "#fafafa"),
    Colour("#882255", "#d9749f"),
)
# in grey, markers and dashes distinguish them
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (6, 2, 1.2, 2)))

THEMED = (GROUND, INK, FAINT, AXIS, GRID, CHANCE, *SERIES)
"""The colours that a dark ground changes. All others, such as the cells of a heat map and what stands on them, stay."""

ON_LIGHT, ON_DARK = "#010101", "#fefefe"
"""Text on a light and on a dark cell of a heat map."""
