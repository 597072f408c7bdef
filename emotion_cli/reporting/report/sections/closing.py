"""What else the numbers say, what they leave open, and the conclusion."""

from collections.abc import Iterable, Sequence

from emotion_cli.reporting.report.blocks import Block, Items, Paragraph
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.directions import BESIDE
from emotion_cli.reporting.report.sections.overview import in_brief
from emotion_cli.reporting.report.sections.similarity import BY_LAYER, BY_MODEL, FEW, means, pair_of
from emotion_cli.reporting.report.statements import Numbers, Statement, listed, reads


def _between_datasets(rows: Sequence[Row], words: Language) -> Numbers | None:
    datasets = list(dict.fromkeys(row["dataset"] for row in rows))
    spreads = [
        max(cosines) - min(cosines)
        for _, members in grouped(means(rows), ("emotion_a", "emotion_b"))
        if len(cosines := [row["mean_cosine_similarity"] for row in members]) == len(datasets)
    ]
    return {"datasets": words.listed(datasets), "spread": max(spreads)} if len(datasets) > 1 and spreads else None


def _same_order(rows: Sequence[Row], words: Language) -> Numbers | None:
    groups = grouped(rows, ("dataset", "model"))
    orders = {
        tuple(pair_of(row, words) for row in sorted(means(members), key=lambda row: row["mean_cosine_similarity"]))
        for _, members in groups
    }
    if len(groups) < 2 or any(not 2 <= len(order) <= FEW for order in orders):
        return None
    if len(orders) > 1:
        return {"answer": words.text("orders_differ", orders=len(orders), groups=len(groups))}
    (order,) = orders
    return {"answer": words.text("one_order", groups=len(groups), order=words.text("order").join(order))}


def _longest(rows: Sequence[Row], words: Language) -> Numbers | None:
    row = max(rows, key=lambda row: row["relative_norm"])
    return {name: row[name] for name in ("emotion", "dataset", "layer", "relative_norm")}


def _no_length(rows: Sequence[Row], words: Language) -> Numbers | None:
    layers = sorted({row["layer"] for row in rows if row["cosine_similarity"] is None})
    return {"layers": words.listed(layers)} if layers else None


def _only_model(rows: Sequence[Row], words: Language) -> Numbers | None:
    models = {row["model"] for row in rows}
    return {"model": min(models)} if len(models) == 1 else None


def _only_pooling(rows: Sequence[Row], words: Language) -> Numbers | None:
    poolings = {pooling for row in rows for pooling in row["poolings"]}
    return {"pooling": min(poolings)} if len(poolings) == 1 else None


def _shared_reference(rows: Sequence[Row], words: Language) -> Numbers | None:
    references = {row["reference"] for row in rows}
    return {"reference": min(references)} if references and references != {"others"} else None


def _no_test_set(rows: Sequence[Row], words: Language) -> Numbers | None:
    return None if not rows or any(row["test_set"] is not None for row in rows) else {}


def _no_controls(rows: Sequence[Row], words: Language) -> Numbers | None:
    return None if not rows or any(row["random_words"] is not None for row in rows) else {}


OBSERVATIONS = (
    Statement("same_order", BY_MODEL, _same_order),
    Statement("between_datasets", BY_MODEL, _between_datasets, by=("model",)),
    Statement("longest", "vector_norms_by_layer", _longest, by=("model",)),
    Statement("no_length", BY_LAYER, _no_length, by=("model",)),
)
"""Said of everything together."""

NEXT_STEPS = (
    Statement("no_test_set", BESIDE, _no_test_set),
    Statement("no_controls", BESIDE, _no_controls),
    Statement("only_model", "extractions", _only_model),
    Statement("only_pooling", "extractions", _only_pooling),
    Statement("shared_reference", BY_MODEL, _shared_reference),
)
"""What the numbers leave open, with the command that goes on."""

OBSERVED, OPEN = reads(OBSERVATIONS), reads(NEXT_STEPS)


def observations(facts: Facts, words: Language) -> Iterable[Block]:
    """What the numbers say beyond the answer, by stated rules."""
    yield from listed(OBSERVATIONS, facts, words, is_numbered=True)


def next_steps(facts: Facts, words: Language) -> Iterable[Block]:
    """What the numbers leave open."""
    yield from listed(NEXT_STEPS, facts, words)
    yield Paragraph(words.sentence("every_number"))


def conclusion(facts: Facts, words: Language) -> Iterable[Block]:
    """The answer in brief."""
    if answers := in_brief(facts, words):
        yield Items(answers)
