"""How much of what a text told is held at each layer: what carried states do, as a share of the whole."""

from collections.abc import Iterable
from itertools import groupby
from math import inf

from emotion_cli.reporting.figures.measure import LAYER, Beside, Level, Measure, Row, Strip
from emotion_cli.reporting.figures.profile import profiles
from emotion_cli.reporting.figures.scale import SHARE
from emotion_cli.reporting.figures.sheet import Sheet
from emotion_cli.reporting.figures.theme import DASHES

SITES = {
    "residual": "the whole state",
    "direction": "its component along the emotion's direction",
    "mlp": "what the MLP wrote",
}
"""What is carried, in the order of strips."""

SHARES = Measure(
    "share",
    "share of the whole",
    SHARE,
    ("share_low", "share_high"),
    ("null_low", "null_high"),
    "directions of permuted labels: 95 % lie there",
    (
        Beside("neutral_share", "from a neutral text of another topic", DASHES[1]),
        Beside("gaussian_high", "Gaussian directions: 95 % lie between", DASHES[2]),
        Beside("gaussian_low", "Gaussian directions: 95 % lie between", DASHES[2]),
    ),
    (Level(0.0, ""), Level(1.0, "")),
    limits=(-inf, inf),
)


def shares_by_layer(rows: Iterable[Row], subject: str, variant: str) -> Sheet:
    """Share by layer (rows of `patching_shares_by_layer`, of one run of each site), a strip for each site."""
    order = list(SITES)
    ordered = sorted(rows, key=lambda row: order.index(row["site"]))
    strips = []
    for site, members in groupby(ordered, key=lambda row: row["site"]):
        of_site = list(members)
        how = "" if all(row["is_carried"] for row in of_site) else ", to first order"
        strips.append(Strip(SHARES, of_site, f"{SITES[site]}{how}"))
    return profiles(Sheet("shares_by_layer", subject, variant), strips, ["emotion"], LAYER)
