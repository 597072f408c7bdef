"""What directions do to a model, in sentences: verdicts on added ones, on predictions, and on states that were carried."""

from collections.abc import Iterable, Sequence

from emotion_cli.reporting.report.blocks import Block, Heading, Inline, Items, Paragraph
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.pictures import STEERED, figures
from emotion_cli.reporting.report.tables import VERDICT, Layout, number, text

ADDED = "steering_verdicts_by_emotion"
PREDICTED = "steering_predictions_by_emotion"
CARRIED = "patching_verdicts_by_emotion"
READS = (ADDED, PREDICTED, CARRIED)

USUAL = {"positions": "all", "prefix": None, "unit": "norm"}
"""How directions are added where nothing else was asked for."""

NO_EFFECT = "no effect is defined"
"""What is said of a direction that has no length, or of labels without test texts."""

EFFECTS = Layout(
    "effects",
    ADDED,
    (
        text("model"),
        text("test_texts", "tried_on"),
        text("emotion"),
        text("against", "reference"),
        number("layer", "d"),
        number("alpha", "g"),
        number("effect", "+.3f", "effect", "ci_low", "ci_high"),
        number("null_to", "+.3f", "null_high"),
        number("q", ".2g", "q_value"),
        number("own_texts", "+.3f", "effect_own"),
        number("kl", ".2f", "damage_kl"),
        number("untrained", "+.3f"),
        number("verdict", VERDICT, "verdict"),
    ),
)
"""One row for each direction that was added, at the alpha of its verdict."""


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """For each dataset: a sentence for each verdict with its numbers and nulls, the table of effects, and the figures."""
    explained: set[str] = set()

    def explanation(name: str) -> Iterable[Paragraph]:
        if name not in explained:
            yield Paragraph(words.sentence(name))
        explained.add(name)

    for dataset in facts.distinct("extractions", "dataset"):
        added, predicted = _added(facts, words, dataset), _only_predicted(facts, words, dataset)
        sentences = [
            *_judged(added, "directions_added", _effect, words),
            *_judged(predicted, "directions_predicted", _response, words),
        ]
        carried = [*_carried(facts, words, dataset)]
        if not (sentences or carried):
            continue
        yield Heading(words.heading("of_dataset", dataset=dataset))
        if sentences:
            yield from explanation("effects_mean")
            yield Items(sentences)
        if added:
            yield EFFECTS.of(added, words, dataset=dataset)
        if carried:
            yield from explanation("states_mean")
            yield Items(carried)
        yield from figures(facts, words, STEERED, dataset)


def _added(facts: Facts, words: Language, dataset: str) -> list[Row]:
    return [_with_words(row, words) for row in facts.of(ADDED, dataset=dataset)]


def _only_predicted(facts: Facts, words: Language, dataset: str) -> list[Row]:
    """Predictions of directions that were not added in the same run."""
    key = ("run_id", "reference", "pooling", "emotion")
    added = {tuple(row[name] for name in key) for row in facts.of(ADDED, dataset=dataset)}
    rows = facts.of(PREDICTED, dataset=dataset, control=None)
    return [_with_words(row, words) for row in rows if tuple(row[name] for name in key) not in added]


def _with_words(row: Row, words: Language) -> Row:
    """A row with the texts that a direction was tried on in words, and a verdict where the query has none."""
    unusual = {name: words.text("not_given") if row[name] is None else row[name] for name in USUAL}
    is_usual = all(row[name] == usual for name, usual in USUAL.items())
    tried_on = row["test_dataset"] if is_usual else words.text("tried_on_unusually", test_set=row["test_dataset"], **unusual)
    return {**row, "tried_on": tried_on, "verdict": row["verdict"] or NO_EFFECT}


def _judged(rows: Sequence[Row], subject: str, case, words: Language) -> Iterable[Inline]:
    """A sentence for each verdict on the directions of one model with one reference, tried on one set of texts."""
    for key, members in grouped(rows, ("model", "reference", "tried_on", "verdict")):
        about = {name: key[name] for name in ("model", "reference", "tried_on")}
        cases = words.listed(case(row, words) for row in members)
        yield words.judged(key["verdict"], subject=words.text(subject, **about), cases=cases)


def _carried(facts: Facts, words: Language, dataset: str) -> Iterable[Inline]:
    """A sentence for each verdict on states that were carried into one model's neutral texts, at one site."""
    for key, members in grouped(facts.of(CARRIED, dataset=dataset), ("model", "test_set", "site", "verdict")):
        about = {name: key[name] for name in ("model", "test_set", "site")}
        cases = words.listed(_share(row, words) for row in members)
        yield words.judged(key["verdict"], subject=words.text("states_carried", **about), cases=cases)


def _share(row: Row, words: Language) -> str:
    """An emotion with its effect at the best place, as a share of the whole where there is one, and where half is reached."""
    effect = row["attribution"] if row["effect"] is None else row["effect"]
    if effect is None:
        return row["emotion"]
    known = {"emotion": row["emotion"], "layer": row["layer"], "effect": effect}
    if row["share"] is None:
        return words.text("emotion_with_carried", **known)
    if row["half_layer"] is None:
        return words.text("emotion_with_share", share=row["share"], **known)
    return words.text("emotion_with_half", share=row["share"], half=row["half_layer"], **known)


def _effect(row: Row, words: Language) -> str:
    """An emotion with its effect, what permuted labels do, and what its own texts gain."""
    if row["effect"] is None:
        return row["emotion"]
    known = {name: row[name] for name in ("emotion", "effect", "layer", "alpha")}
    own = words.text("not_defined") if row["effect_own"] is None else f"{row['effect_own']:+.3f}"
    if row["null_high"] is None:
        return words.text("emotion_with_effect_alone", own=own, kl=row["damage_kl"] or 0.0, **known)
    return words.text("emotion_with_effect", own=own, null_high=row["null_high"], **known)


def _response(row: Row, words: Language) -> str:
    """An emotion with its response in standard deviations of the null, and how far permuted labels come."""
    if row["z"] is None or row["z_null_high"] is None:
        return row["emotion"]
    return words.text("emotion_with_response", **{name: row[name] for name in ("emotion", "z", "layer", "z_null_high")})
