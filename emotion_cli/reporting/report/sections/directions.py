"""Whether there are directions, and whether they hold more than words: beside every number what words alone reach there."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from emotion_cli.reporting.report.blocks import Block, Heading, Inline, Items, Paragraph
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.ends import at_ends, labels_listed, left_out
from emotion_cli.reporting.report.sections.pictures import DIRECTIONS, figures
from emotion_cli.reporting.report.statements import Numbers, Statement, listed, reads
from emotion_cli.reporting.report.tables import Layout, number, text

NORMS = "vector_norms_by_layer"
BESIDE = "more_than_words_by_emotion"
BY_METHOD = "direction_quality_by_method"
ANSWERS = {True: "yes", False: "not_shown", None: "not_known"}
"""The message that says whether a direction holds more than words."""

MISSED = "not shown by mean_difference, shown by "
"""How a verdict on methods begins where another method shows a direction."""

BESIDE_WORDS = Layout(
    "beside_words",
    BESIDE,
    (
        text("prompts"),
        text("model"),
        text("emotion"),
        number("layer", "d"),
        number("auroc", ".3f", "auroc", "auroc_ci_low", "auroc_ci_high", ends=".2f"),
        number("chance", ".3f"),
        number("tfidf", ".3f"),
        number("random_words", ".3f"),
        number("embeddings", ".3f"),
        number("untrained", ".3f"),
        number("over_rival", ".3f", "gain_ci_low", "gain_ci_high"),
        text("more_than_words"),
    ),
    by=2,
)
"""One row for a direction at its best layer on one kind of prompts."""

METHODS = ("mean_difference", "whitened", "logistic")
OTHER_METHODS = Layout(
    "methods",
    BY_METHOD,
    (
        text("model"),
        text("emotion"),
        *(number(f"by_{name}", ".3f", name, f"{name}_ci_low", f"{name}_ci_high", ends=".2f") for name in METHODS),
    ),
    by=1,
)


def at_best_layers(facts: Facts, words: Language, **equal: Any) -> list[Row]:
    """Each direction at the layer that was chosen on training topics, on those topics and on each test set, beside words alone.

    `test_set` is None on the training topics; `more` is what `more_than_words` says in words.
    """
    return [
        {
            **row,
            "prompts": row["test_set"] or words.text("training_topics"),
            "more": row["more_than_words"],
            "more_than_words": words.text(ANSWERS[row["more_than_words"]]),
        }
        for row in facts.of(BESIDE, **equal)
    ]


def beyond_words(rows: Sequence[Row]) -> Numbers | None:
    """How many of some directions on one kind of prompts hold more than words, and between which AUROC."""
    known = [row for row in rows if row["auroc"] is not None and row["words_alone"] is not None]
    if not known:
        return None
    return {
        "total": len(known),
        "more": sum(row["more"] is True for row in known),
        "low": min(row["auroc"] for row in known),
        "high": max(row["auroc"] for row in known),
        "mean": fmean(row["auroc"] for row in known),
        "words_low": min(row["words_alone"] for row in known),
        "words_high": max(row["words_alone"] for row in known),
    }


def _missed(rows: Sequence[Row], words: Language) -> Numbers | None:
    at_layers = [row for row in rows if row["layer"] is not None and row["verdict"] is not None]
    missed = [row for row in at_layers if row["verdict"].startswith(MISSED)]
    if not missed:
        return None
    methods = words.listed(dict.fromkeys(row["verdict"].removeprefix(MISSED) for row in missed))
    layers = sorted({row["layer"] for row in missed})
    span = words.text("one_layer" if len(layers) == 1 else "layers_between", first=layers[0], last=layers[-1])
    return {"missed": len(missed), "total": len(at_layers), "methods": methods, "span": span}


BY_OTHERS = (Statement("missed", BY_METHOD, _missed, by=("model", "emotion")),)
"""Said where another method finds what the mean difference misses."""

READS = (NORMS, BESIDE, *reads(BY_OTHERS), "extractions")


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """For each dataset: the vectors' shape, each direction beside words alone, other methods, and the figures."""
    for dataset in facts.distinct(NORMS, "dataset"):
        yield Heading(words.heading("of_dataset", dataset=dataset))
        yield Items([_shape(facts, words, dataset, model) for model in facts.distinct(NORMS, "model", dataset=dataset)])
        rows = at_best_layers(facts, words, dataset=dataset)
        rows.sort(key=lambda row: (row["test_set"] or "", row["model"]))
        by_prompts = grouped(rows, ("prompts",))
        compared = [
            words.sentence("beside_words", **prompts, **numbers)
            for prompts, members in by_prompts
            if any(row["more"] is not None for row in members) and (numbers := beyond_words(members)) is not None
        ]
        if compared:
            yield Items(compared)
        if rows:
            yield BESIDE_WORDS.of(at_ends(rows, ("prompts", "model"), "auroc"), words, dataset=dataset)
            yield from left_out(rows, ("prompts", "model"), words)
        yield from _other_methods(facts, words, dataset)
        yield from figures(facts, words, DIRECTIONS, dataset)
    if not facts.of(BESIDE):
        yield Paragraph(words.sentence("not_measured"))


def _shape(facts: Facts, words: Language, dataset: str, model: str) -> Inline:
    norms = facts.of(NORMS, dataset=dataset, model=model)
    (width,) = {row["d_model"] for row in facts.of("extractions", dataset=dataset, model=model)}
    layers = {row["layer"] for row in norms}
    return words.sentence(
        "shape",
        model=model,
        n_layers=len(layers),
        width=width,
        emotions=labels_listed(facts.distinct(NORMS, "emotion", dataset=dataset, model=model), words),
        first=min(layers),
        last=max(layers),
    )


def _other_methods(facts: Facts, words: Language, dataset: str) -> Iterable[Block]:
    rows = [row for row in facts.of(BY_METHOD, dataset=dataset) if row["layer"] is None]
    if any(row["whitened"] is not None or row["logistic"] is not None for row in rows):
        yield OTHER_METHODS.of(at_ends(rows, ("model",), METHODS[0]), words, dataset=dataset)
        yield from left_out(rows, ("model",), words)
        yield from listed(BY_OTHERS, facts, words, dataset=dataset)
