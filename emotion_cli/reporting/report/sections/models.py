"""Whether two models hold the same directions: raw cosines where they are defined, and directions carried by a map."""

from collections.abc import Iterable, Sequence

from emotion_cli.reporting.report.blocks import Block, Heading, Inline, Items, Paragraph
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.pictures import ACROSS, figures
from emotion_cli.reporting.report.statements import Numbers, Statement, listed, reads
from emotion_cli.reporting.report.tables import VERDICT, Layout, number, text

BY_EMOTION = "cross_model_similarity_by_emotion"
RAW_BY_LAYER = "cross_model_similarity_by_layer"
ALIGNMENT = "cross_model_alignment_by_emotion"

CHANCE_DEVIATIONS = 1.96
"""Half the width of a 95 % band, in standard deviations of a normal distribution."""

RAW = Layout(
    "raw_cosines",
    BY_EMOTION,
    (
        text("emotion"),
        text("models"),
        number("average", ".3f", "avg_cosine_similarity"),
        number("std", ".3f", "cosine_stddev_pop"),
        number("min", ".3f", "min_cosine_similarity"),
        number("max", ".3f", "max_cosine_similarity"),
        number("chance_std", ".3f", "chance_stddev"),
    ),
)
CARRIED = Layout(
    "carried",
    ALIGNMENT,
    (
        text("carried", "way"),
        text("emotion"),
        number("aligned_cosine", ".2f"),
        number("null_to", ".2f", "null_high"),
        number("q", ".2g", "q_value"),
        number("could_be_shown", ".2f", "smallest_effect"),
        number("ceiling", ".2f"),
        number("specificity", ".3f", "specificity_low", "specificity_high"),
        number("others_cosine", ".3f", "others_low", "others_high"),
        number("random_words", ".2f", "of_words"),
        number("its_embeddings", ".2f", "of_embeddings"),
        number("embeddings_together", ".2f"),
        number("verdict", VERDICT, "verdict"),
    ),
    by=1,
)
TRANSFERRED = Layout(
    "transferred",
    ALIGNMENT,
    (
        text("carried", "way"),
        text("emotion"),
        number("transfer_auroc", ".3f"),
        number("null_to", ".3f", "transfer_null_high"),
        number("own_auroc", ".3f"),
    ),
    by=1,
)


def way(row: Row, words: Language) -> str:
    """From which model to which a row's direction is carried."""
    names = row["model_a"], row["model_b"]
    source, target = names if row["mapping"] == "a_to_b" else names[::-1]
    return words.text("carried", source=source, target=target)


def widths_differ(rows: Sequence[Row], words: Language) -> Numbers | None:
    """The widths of two or more models of which no two have the same."""
    width_of = {row["model"]: row["d_model"] for row in rows}
    if len(width_of) < 2 or len(set(width_of.values())) < len(width_of):
        return None
    return {
        "models": words.listed(words.text("model_width", model=model, width=width) for model, width in sorted(width_of.items()))
    }


def _range_of_averages(rows: Sequence[Row], words: Language) -> Numbers | None:
    averages = [row["avg_cosine_similarity"] for row in rows if row["avg_cosine_similarity"] is not None]
    if not averages:
        return None
    return {"total": len(averages), "low": min(averages), "high": max(averages), "chance": max(r["chance_stddev"] for r in rows)}


def _inside_chance(rows: Sequence[Row], words: Language) -> Numbers | None:
    cosines = [row for row in rows if row["averaged"] and row["cosine_similarity"] is not None]
    if not cosines:
        return None
    inside = sum(abs(row["cosine_similarity"]) <= CHANCE_DEVIATIONS * row["chance_stddev"] for row in cosines)
    widest = max(row["chance_stddev"] for row in cosines)
    share = inside / len(cosines)
    # where 95 % are expected inside, less than nine in ten is more than layers of one model vary together
    meaning = words.text("as_unrelated" if share >= 0.9 else "not_as_unrelated")
    return {"inside": inside, "total": len(cosines), "band": CHANCE_DEVIATIONS * widest, "share": share, "meaning": meaning}


def beyond_null(rows: Sequence[Row]) -> Numbers | None:
    """How many aligned cosines lie beyond their null, and the ranges of both and of words."""
    defined = [row for row in rows if row["aligned_cosine"] is not None and row["null_high"] is not None]
    if not defined:
        return None
    cosines, nulls = ([row[name] for row in defined] for name in ("aligned_cosine", "null_high"))
    return {
        "total": len(defined),
        "beyond": sum(row["q_value"] is not None and row["q_value"] < 0.05 for row in defined),
        "low": min(cosines),
        "high": max(cosines),
        "null_low": min(nulls),
        "null_high": max(nulls),
    }


KEY_FINDINGS = (
    Statement("range_of_averages", BY_EMOTION, _range_of_averages),
    Statement("inside_chance", RAW_BY_LAYER, _inside_chance),
    Statement("widths_differ", "extractions", widths_differ),
)
"""Said of the models of one dataset."""

READS = (*reads(KEY_FINDINGS), ALIGNMENT)


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """For each dataset with two models: raw cosines, carried directions with their verdicts in sentences, and the figures."""
    for dataset in facts.distinct("extractions", "dataset"):
        raw, aligned = facts.of(BY_EMOTION, dataset=dataset), facts.of(ALIGNMENT, dataset=dataset, fit="ridge")
        if len(facts.distinct("extractions", "model", dataset=dataset)) < 2:
            continue
        yield Heading(words.heading("of_dataset", dataset=dataset))
        yield from listed(KEY_FINDINGS, facts, words, dataset=dataset)
        if raw:
            models = [words.text("two_models", a=row["model_a"], b=row["model_b"]) for row in raw]
            yield RAW.of([{**row, "models": names} for row, names in zip(raw, models, strict=True)], words, dataset=dataset)
        for pair, members in grouped(aligned, ("model_a", "model_b")):
            yield Paragraph(_near(members, words, **pair))
            yield Items([*_judged(members, words)])
        if aligned:
            yield CARRIED.of([_shown(row, words) for row in aligned], words, dataset=dataset)
            yield TRANSFERRED.of([_shown(row, words) for row in aligned], words, dataset=dataset)
        yield from figures(facts, words, ACROSS, dataset)


def _near(rows: Sequence[Row], words: Language, model_a: str, model_b: str) -> Inline:
    numbers = beyond_null(rows)
    if numbers is None:
        return words.sentence("nothing_carried", a=model_a, b=model_b)
    return words.sentence("carried_meet", a=model_a, b=model_b, **numbers)


def _judged(rows: Sequence[Row], words: Language) -> Iterable[Inline]:
    """A sentence for each verdict on directions carried one way."""
    for key, members in grouped(sorted(rows, key=lambda row: row["mapping"]), ("mapping", "verdict")):
        cases = words.listed(
            words.text("emotion_with_cosine", emotion=row["emotion"], cosine=_cosine(row, words)) for row in members
        )
        yield words.judged(key["verdict"], subject=way(members[0], words), cases=cases)


def _cosine(row: Row, words: Language) -> str:
    return words.text("not_defined") if row["aligned_cosine"] is None else f"{row['aligned_cosine']:.2f}"


def _shown(row: Row, words: Language) -> Row:
    """A row with the cosines that words alone reach in place of the differences from them."""
    of_words, of_embeddings = (
        None if row["aligned_cosine"] is None or row[name] is None else row["aligned_cosine"] - row[name]
        for name in ("over_words", "over_embeddings")
    )
    return {**row, "way": way(row, words), "of_words": of_words, "of_embeddings": of_embeddings}
