"""Page one: the question, the answer with the numbers that count, and what a reader has to know before using them."""

from collections.abc import Iterable, Sequence

from emotion_cli.reporting.report.blocks import Block, Heading, Inline, Items, Paragraph
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.data import FAULTS
from emotion_cli.reporting.report.sections.directions import BEST, BEYOND, at_best_layers, beyond_words
from emotion_cli.reporting.report.sections.models import ALIGNMENT, beyond_null
from emotion_cli.reporting.report.sections.pictures import figure, front_picture
from emotion_cli.reporting.report.sections.similarity import BY_MODEL, counts
from emotion_cli.reporting.report.statements import reads, said
from emotion_cli.reporting.report.tables import Layout, number, text

READS = ("extractions", BEST, BEYOND, BY_MODEL, ALIGNMENT, *reads(FAULTS))

IN_TRAINING = (
    text("dataset"),
    text("model"),
    text("emotion"),
    number("layer", "d"),
    number("auroc_in_training", ".3f", "auroc"),
    number("best_of_chance", ".3f", "chance"),
    number("words_there", ".3f", "words_alone"),
)


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """The question, at most six sentences of answer, the faults of the prompts, one table and one figure."""
    rows = at_best_layers(facts, words)
    variant = {name: facts.variant[name] for name in ("method", "reference", "pooling")}
    datasets, models = (words.listed(facts.distinct("extractions", name)) for name in ("dataset", "model"))
    yield Paragraph(words.sentence("question", datasets=datasets, models=models, **variant))
    answers = [*answer(facts, words, "in_full")]
    if answers:
        yield Heading(words.heading("answer"))
        yield Items(answers)
    if faults := said(FAULTS, facts, words):
        yield Heading(words.heading("faults"))
        yield Items(faults)
    if rows:
        yield _front_table(rows, words)
    if picture := front_picture(facts):
        yield figure(picture, words)


def answer(facts: Facts, words: Language, length: str) -> Iterable[Inline]:
    """What was found about directions, about two emotions and about two models; `length` is `in_full` or `in_brief`."""
    rows = at_best_layers(facts, words)
    for test_set, members in sorted(grouped(rows, ("test_set",)), key=lambda group: group[0]["test_set"] or ""):
        name = test_set["test_set"]
        if (numbers := beyond_words(members)) is not None:
            by_set = words.listed(_share(dataset["dataset"], of_set, words) for dataset, of_set in grouped(members, ("dataset",)))
            message = "answer_on_test_set" if name else "answer_in_training"
            yield words.sentence(f"{message}_{length}", test_set=name, by_set=by_set, **numbers, **_shown(members))
    pairs = [row["verdict"] for row in facts.of(BY_MODEL) if row["verdict"] is not None]
    if pairs:
        yield words.sentence(f"answer_pairs_{length}", **counts(pairs, words))
    carried = facts.of(ALIGNMENT, fit="ridge")
    if (numbers := beyond_null(carried)) is not None:
        tally = counts([row["verdict"] for row in carried if row["aligned_cosine"] is not None], words)["counts"]
        yield words.sentence(f"answer_carried_{length}", counts=tally, **numbers)


def _share(dataset: str, rows: Sequence[Row], words: Language) -> str:
    return words.text("share_of_set", dataset=dataset, more=sum(row["more"] is True for row in rows), total=len(rows))


def _shown(rows: Sequence[Row]) -> dict[str, int]:
    return {"shown": sum(row["p_value"] is not None and row["p_value"] <= 0.05 for row in rows)}


def _front_table(rows: Sequence[Row], words: Language):
    """A row for each direction: in training, and on each test set what it and words alone reach."""
    test_sets = sorted({row["test_set"] for row in rows if row["test_set"] is not None})
    on_tests = [
        column
        for i, name in enumerate(test_sets)
        for column in (
            number("on_test_set", ".3f", f"auroc_{i}", f"low_{i}", f"high_{i}", about=name, ends=".2f"),
            number("words_there", ".3f", f"words_there_{i}"),
            text("more_than_words", f"more_{i}"),
        )
    ]
    shown = []
    for _, members in grouped(rows, ("dataset", "model", "emotion")):
        at = {row["test_set"]: row for row in members}
        row = dict(at.get(None) or {**members[0], "auroc": None, "chance": None, "words_alone": None})
        for i, name in enumerate(test_sets):
            test = at.get(name, {})
            row |= {
                f"auroc_{i}": test.get("auroc"),
                f"low_{i}": test.get("auroc_low"),
                f"high_{i}": test.get("auroc_high"),
                f"words_there_{i}": test.get("words_alone"),
                f"more_{i}": test.get("more_than_words"),
            }
        shown.append(row)
    return Layout("front", BEYOND, (*IN_TRAINING, *on_tests)).of(shown, words)
