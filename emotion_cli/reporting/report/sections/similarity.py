"""What may be said of every two emotions of one model, in the words of `within_model_verdicts_by_layer`, and nothing more."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from emotion_cli.reporting.likeness import groups
from emotion_cli.reporting.report.blocks import Block, Heading, Inline, Items, Paragraph
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.pictures import WITHIN, figures
from emotion_cli.reporting.report.sections.power import power
from emotion_cli.reporting.report.statements import Numbers, Statement, listed, reads
from emotion_cli.reporting.report.tables import VERDICT, Layout, number, text

BY_MODEL = "within_model_similarity_by_model"
BY_LAYER = "within_model_similarity_by_layer"

FEW = 30
"""So many pairs of a model are listed one by one; of more, those at both ends."""

ENDS = 10
"""Pairs at each end."""

NOT_SHOWN = "no direction shown"
"""The verdict of a pair whose cosine is one of noise."""

HIGH = 0.9
"""The mean cosine above which two vectors are called nearly one direction."""

PAIRS = Layout(
    "pairs",
    BY_MODEL,
    (
        text("model"),
        text("pair"),
        number("mean_cosine", ".2f", "mean_cosine_similarity"),
        number("null", ".2f", "null_low", "null_high"),
        number("p", ".2g", "p_value"),
        number("equidistant", ".3g", "equidistance"),
        number("unbiased_cosine", ".2f", "mean_unbiased_cosine", "ci_low", "ci_high"),
        number("distance_ratio", ".2f", "mean_distance_ratio", "distance_ratio_low", "distance_ratio_high"),
        number("verdict", VERDICT, "verdict"),
    ),
    by=1,
)


AT_ENDS = replace(PAIRS, caption="pairs_at_ends")


def pair_of(row: Row, words: Language) -> str:
    """The two emotions of a row."""
    return words.text("pair", a=row["emotion_a"], b=row["emotion_b"])


def pairs_of(rows: Sequence[Row], words: Language) -> str:
    """The pairs of emotions of some rows, in a sentence; of many their number."""
    if len(rows) > FEW:
        return words.text("pairs_counted", count=len(rows))
    return words.text("then").join(pair_of(row, words) for row in rows)


def means(rows: Sequence[Row]) -> list[Row]:
    """The rows whose mean cosine is defined."""
    return [row for row in rows if row["mean_cosine_similarity"] is not None]


def counts(verdicts: Sequence[str], words: Language) -> Numbers:
    """How many verdicts there are, and of each how many."""
    each = Counter(verdicts).most_common()
    return {
        "total": len(verdicts),
        "counts": words.text("then").join(
            words.text("verdict_count", verdict=words.verdict(verdict), count=count) for verdict, count in each
        ),
    }


def tally(rows: Sequence[Row], words: Language) -> Numbers | None:
    """How many rows have a verdict, and of each how many."""
    known = [row["verdict"] for row in rows if row["verdict"] is not None]
    return counts(known, words) if known else None


def all_high(rows: Sequence[Row], words: Language) -> Numbers | None:
    """The range of the mean cosines where all are nearly 1."""
    cosines = [row["mean_cosine_similarity"] for row in means(rows)]
    return {"low": min(cosines), "high": max(cosines), "limit": HIGH} if cosines and min(cosines) > HIGH else None


def _not_shown(rows: Sequence[Row], words: Language) -> Numbers | None:
    members = [row for row in rows if row["verdict"] == NOT_SHOWN]
    if not members:
        return None
    elsewhere = grouped([row for row in members if row["shown_by"]], ("shown_by",))
    others = [
        words.text("shown_by_others", pairs=pairs_of(of_some, words), methods=key["shown_by"]) for key, of_some in elsewhere
    ]
    could = power("power_auroc", [row["smallest_auroc"] for row in members], 1.0, words)
    return {"method": members[0]["method"], "could": words.text("sentences_in_a_row", first=could, then=" ".join(others)).strip()}


def _undecided(rows: Sequence[Row], words: Language) -> Numbers | None:
    members = [row for row in rows if row["verdict"] == "undecided"]
    if not members:
        return None
    equidistance = members[0]["equidistance"]
    least = [row["smallest_effect"] for row in members]
    return {"could": power("power_cosine_from", least, 1.5, words, equidistance=equidistance)}


OPEN_QUESTIONS = (
    Statement("pairs_not_shown", BY_MODEL, _not_shown, by=("model",)),
    Statement("pairs_undecided", BY_MODEL, _undecided, by=("model",)),
    Statement("pairs_all_high", BY_MODEL, all_high, by=("model",)),
)
"""Said of verdicts that leave a question open: what could have been shown."""

READS = reads(OPEN_QUESTIONS)


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """For each dataset: one table of all pairs with their verdicts, the verdicts in sentences, and the figures."""
    if not facts.of(BY_MODEL):
        return
    yield Paragraph(words.sentence("pairs_mean"))
    for dataset in facts.distinct(BY_MODEL, "dataset"):
        yield Heading(words.heading("of_dataset", dataset=dataset))
        rows = facts.of(BY_MODEL, dataset=dataset)
        yield Items([*_judged(rows, words)])
        yield from _pairs(rows, words, dataset)
        yield from listed(OPEN_QUESTIONS, facts, words, dataset=dataset)
        yield from figures(facts, words, WITHIN, dataset)


def _pairs(rows: Sequence[Row], words: Language, dataset: str) -> Iterable[Block]:
    """A table of all pairs; where a model has many, of those at both ends, and the groups that they make."""
    of_models = [members for _, members in grouped(rows, ("model",))]
    if max(map(len, of_models)) <= FEW:
        yield PAIRS.of([_cells(row, words) for row in rows], words, dataset=dataset)
        return
    yield Items([*(_grouped(members, words) for members in of_models)])
    ends = [row for members in of_models for row in at_ends(members)]
    total = max(map(len, of_models))
    yield AT_ENDS.of([_cells(row, words) for row in ends], words, dataset=dataset, total=total)


def _cells(row: Row, words: Language) -> Row:
    return {**row, "pair": pair_of(row, words), "verdict": _verdict(row)}


def _is_known(row: Row) -> bool:
    return row["mean_unbiased_cosine"] is not None and row["verdict"] != NOT_SHOWN


def at_ends(rows: Sequence[Row]) -> list[Row]:
    """The most and the least similar pairs whose directions are both shown, the most similar first."""
    ordered = sorted(filter(_is_known, rows), key=lambda row: (-row["mean_unbiased_cosine"], row["emotion_a"], row["emotion_b"]))
    return ordered if len(ordered) <= 2 * ENDS else [*ordered[:ENDS], *ordered[-ENDS:]]


def _grouped(rows: Sequence[Row], words: Language) -> Inline:
    """Which emotions of a model are alike, in groups; half of the way from equidistance to 1 makes a group."""
    least = (1 + rows[0]["equidistance"]) / 2
    cosines = {(row["emotion_a"], row["emotion_b"]): row["mean_unbiased_cosine"] for row in rows if _is_known(row)}
    emotions = {emotion for pair in cosines for emotion in pair}
    made = groups(emotions, cosines, least)
    listed_groups = words.text("then").join(words.listed(group) for group in made)
    message = "pairs_in_groups" if made else "pairs_in_no_group"
    alone = len(emotions) - sum(map(len, made))
    return words.sentence(message, model=rows[0]["model"], groups=listed_groups, least=least, alone=alone, total=len(emotions))


def _judged(rows: Sequence[Row], words: Language) -> Iterable[Inline]:
    """A sentence for each verdict of each model."""
    judged = [{**row, "verdict": _verdict(row)} for row in rows]
    for key, members in grouped(judged, ("model", "verdict")):
        yield words.judged(key["verdict"], subject=key["model"], cases=pairs_of(members, words))


def _verdict(row: Row) -> str:
    return row["verdict"] or ("-1 by construction" if row["equidistance"] == -1 else "not measured")
