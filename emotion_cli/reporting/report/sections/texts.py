"""Whether a model's directions are the same on texts that two sets do not share."""

from collections.abc import Iterable, Sequence

from emotion_cli.reporting.report.blocks import Block, Heading
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.pictures import SHIFT as PICTURES
from emotion_cli.reporting.report.sections.pictures import figures
from emotion_cli.reporting.report.sections.power import power
from emotion_cli.reporting.report.sections.similarity import counts
from emotion_cli.reporting.report.statements import Numbers, Statement, listed, reads
from emotion_cli.reporting.report.tables import VERDICT, Layout, number, text

SHIFT = "dataset_shift_by_layer"

DEPTHS = (0, 0.5, 1)
"""Layers of the table, as shares of the depth; the figure has all of them."""

SHIFTS = Layout(
    "shifts",
    SHIFT,
    (
        text("model"),
        text("emotion"),
        number("layer", "d"),
        number("plain_cosine", ".2f", "cosine_similarity"),
        number("of_noise", ".2f", "noise_cosine"),
        number("without_noise", ".2f", "cosine_unbiased", "ci_low", "ci_high"),
        number("null_to", ".2f", "null_high"),
        number("q", ".2g", "q_value"),
        number("verdict", VERDICT, "verdict"),
    ),
    by=1,
)


def averaged(rows: Sequence[Row]) -> list[Row]:
    """The rows of the layers that means cover."""
    return [row for row in rows if row["averaged"]]


def same_on_both(rows: Sequence[Row], words: Language) -> Numbers | None:
    """How many layers and emotions have each verdict, and what could have been shown where nothing was."""
    known = [row for row in averaged(rows) if row["verdict"] is not None]
    if not known:
        return None
    missed = [row["smallest_effect"] for row in known if row["verdict"] == "not shown to be alike"]
    could = power("power_cosine", missed, 1.0, words) if missed else ""
    share = min(row["share_in_common"] for row in rows)
    return {**counts([row["verdict"] for row in known], words), "share": share, "could": could}


def _plain_against_noise(rows: Sequence[Row], words: Language) -> Numbers | None:
    known = [row for row in averaged(rows) if row["cosine_similarity"] is not None]
    if not known:
        return None
    cosines = [row["cosine_similarity"] for row in known]
    return {"low": min(cosines), "high": max(cosines), **{name: known[0][name] for name in ("noise_cosine", "share_in_common")}}


SAYINGS = (
    Statement("plain_against_noise", SHIFT, _plain_against_noise, by=("dataset_a", "dataset_b")),
    Statement("same_on_both", SHIFT, same_on_both, by=("model", "dataset_a", "dataset_b")),
)
"""Said of two datasets that share prompts."""

READS = reads(SAYINGS)


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """For each two datasets that share some prompts: the verdicts, a table at some depths, and the figures."""
    for key, members in grouped(facts.of(SHIFT), ("dataset_a", "dataset_b")):
        yield Heading(words.heading("two_datasets", a=key["dataset_a"], b=key["dataset_b"]))
        yield from listed(SAYINGS, facts, words, **key)
        shown = [row for _, of_model in grouped(members, ("model",)) for row in _at_depths(of_model)]
        yield SHIFTS.of(shown, words, **key)
        yield from figures(facts, words, PICTURES, key["dataset_b"])


def _at_depths(rows: Sequence[Row]) -> list[Row]:
    layers = sorted({row["layer"] for row in averaged(rows)})
    chosen = {layers[round(share * (len(layers) - 1))] for share in DEPTHS} if layers else set()
    return [row for row in rows if row["layer"] in chosen]
