"""Page one: the answer in one sentence, the question, the numbers that count, and what a reader has to know before using them."""

from collections.abc import Iterable, Sequence

from emotion_cli.reporting.report.blocks import Block, Code, Heading, Inline, Items, Paragraph, Table
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.data import COUNTS, FAULTS
from emotion_cli.reporting.report.sections.directions import BESIDE, at_best_layers, beyond_words
from emotion_cli.reporting.report.sections.ends import at_ends, left_out
from emotion_cli.reporting.report.sections.models import ALIGNMENT, beyond_null
from emotion_cli.reporting.report.sections.overlap import SHIFT, counted, overlapping
from emotion_cli.reporting.report.sections.pictures import figure, front_picture
from emotion_cli.reporting.report.sections.similarity import BY_MODEL, counts
from emotion_cli.reporting.report.statements import Numbers, reads, said
from emotion_cli.reporting.report.tables import Layout, number, text

ANSWERED_BY = (BESIDE, BY_MODEL, ALIGNMENT, SHIFT)
"""The queries that the answer is made of."""

READS = ("extractions", *ANSWERED_BY, *reads(FAULTS))

SHARE_BY_CHANCE = 0.025
"""Of directions that hold words only, so many have an interval above 0 over one rival."""

TRAINING = "of_training_topics"
IN_TRAINING = (
    text("dataset"),
    text("model"),
    text("emotion"),
    number("layer", "d"),
    number("auroc", ".3f", "auroc", group=TRAINING),
    number("best_of_chance", ".3f", "chance", group=TRAINING),
    number("words_there", ".3f", "words_alone", group=TRAINING),
)


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """The answer, the question, the numbers, the faults of the prompts, one table, how it is counted, and one figure."""
    rows = at_best_layers(facts, words)
    variant = {name: facts.variant[name] for name in ("method", "reference", "pooling")}
    datasets, models = (words.listed(facts.distinct("extractions", name)) for name in ("dataset", "model"))
    yield from (Paragraph(sentence, is_lead=True) for sentence in lead(facts, words))
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
        yield from left_out([row for row in rows if row["test_set"] is None], ("dataset", "model"), words)
    if answers:
        yield from (Paragraph(sentence, is_note=True) for sentence in _counting(facts, words))
    yield from _perfect(rows, facts, words)
    if picture := front_picture(facts):
        yield figure(picture, words)


def lead(facts: Facts, words: Language) -> Iterable[Inline]:
    """One sentence: in how many cases a direction tells more than words, on the test set where directions do worst."""
    tests = _by_test_set(facts, words)
    on_test_sets: dict[str | None, list[Row]] = {name: members for name, members in tests.items() if name is not None} or tests
    known = {name: numbers for name, members in on_test_sets.items() if (numbers := beyond_words(members)) is not None}
    if not known:
        return
    hardest = min(known, key=lambda name: known[name]["mean"])
    if all(row["more"] is None for row in on_test_sets[hardest]):
        yield words.sentence("lead_not_known")
        return
    place = "lead_in_training" if hardest is None else "lead_on_hardest" if len(known) > 1 else "lead_on_test_set"
    yield words.sentence("lead", where=words.sentence(place, test_set=Code(hardest or ""), count=len(known)), **known[hardest])


def answer(facts: Facts, words: Language, length: str) -> Iterable[Inline]:
    """What was found about directions, about two emotions and about two models; `length` is `in_full` or `in_brief`."""
    for name, members in _by_test_set(facts, words).items():
        if (numbers := beyond_words(members)) is not None:
            yield _on_prompts(name, members, numbers, words, length)
    pairs = [row["verdict"] for row in counted(facts.of(BY_MODEL), facts) if row["verdict"] is not None]
    if pairs:
        yield words.sentence(f"answer_pairs_{length}", **counts(pairs, words))
    carried = counted(facts.of(ALIGNMENT, fit="ridge"), facts)
    if (numbers := beyond_null(carried)) is not None:
        tally = counts([row["verdict"] for row in carried if row["aligned_cosine"] is not None], words)["counts"]
        yield words.sentence(f"answer_carried_{length}", counts=tally, **numbers)


def _on_prompts(test_set: str | None, rows: Sequence[Row], numbers: Numbers, words: Language, length: str) -> Inline:
    """What directions reach on one kind of prompts and, where words were measured beside them, how many hold more."""
    message = "answer_on_test_set" if test_set else "answer_in_training"
    values = {"test_set": test_set, **numbers, **_shown(rows)}
    is_compared = any(row["more"] is not None for row in rows)
    if length == "in_brief":
        return words.sentence(f"{message}_{'in_brief' if is_compared else 'beside_chance'}", **values)
    reached = words.sentence(f"{message}_in_full", **values)
    if not is_compared:
        return reached
    by_set = words.listed(_share(dataset["dataset"], of_set, words) for dataset, of_set in grouped(rows, ("dataset",)))
    return words.sentence("sentences_in_a_row", first=reached, then=words.sentence("hold_more", by_set=by_set, **numbers))


def in_brief(facts: Facts, words: Language) -> list[Inline]:
    """The answer in brief, the sentence at the head of the page first."""
    return [*lead(facts, words), *answer(facts, words, "in_brief")]


def _by_test_set(facts: Facts, words: Language) -> dict[str | None, list[Row]]:
    """The directions that count on the training topics (None) and on each test set."""
    rows = counted(at_best_layers(facts, words), facts)
    return {key["test_set"]: members for key, members in sorted(grouped(rows, ("test_set",)), key=lambda group: _order(group[0]))}


def _order(row: Row) -> tuple[bool, str]:
    return row["test_set"] is not None, row["test_set"] or ""


def _counting(facts: Facts, words: Language) -> Iterable[Inline]:
    """What a case is, which sets are not counted, and how many tests there are."""
    compared = [row for members in _by_test_set(facts, words).values() for row in members if row["more"] is not None]
    if compared:
        yield words.sentence("tests_counted", total=len(compared), expected=SHARE_BY_CHANCE * len(compared))
    yield words.sentence("tests_corrected")
    for smaller, larger in overlapping(facts).items():
        yield words.sentence("not_counted", smaller=smaller, larger=larger)


def _share(dataset: str, rows: Sequence[Row], words: Language) -> str:
    return words.text("share_of_set", dataset=dataset, more=sum(row["more"] is True for row in rows), total=len(rows))


def _shown(rows: Sequence[Row]) -> dict[str, int]:
    return {"shown": sum(row["q_value"] is not None and row["q_value"] < 0.05 for row in rows)}


def _front_table(rows: Sequence[Row], words: Language) -> Table:
    """A row for each direction: in training, and on each test set what it and words alone reach."""
    test_sets = sorted({row["test_set"] for row in rows if row["test_set"] is not None})
    on_tests = [
        column
        for i, name in enumerate(test_sets)
        for group in ({"group": "of_test_set", "about": name},)
        for column in (
            number("auroc", ".3f", f"auroc_{i}", f"low_{i}", f"high_{i}", ends=".2f", **group),
            number("words_there", ".3f", f"words_there_{i}", **group),
            text("more_than_words", f"more_{i}", **group),
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
                f"low_{i}": test.get("auroc_ci_low"),
                f"high_{i}": test.get("auroc_ci_high"),
                f"words_there_{i}": test.get("words_alone"),
                f"more_{i}": test.get("more_than_words"),
            }
        shown.append(row)
    shown = at_ends(shown, ("dataset", "model"), "auroc")
    return Layout("front", BESIDE, (*IN_TRAINING, *on_tests), by=2).of(shown, words)


def _perfect(rows: Sequence[Row], facts: Facts, words: Language) -> Iterable[Block]:
    """Why the interval of an AUROC of 1 is wide."""
    perfect = [row for row in rows if row["auroc"] == 1 and row["auroc_ci_low"] is not None]
    for key, members in grouped(perfect, ("test_set",)):
        n_topics = min((row["n_topics"] for row in facts.of(COUNTS, dataset=key["test_set"])), default=None)
        if n_topics is not None:
            low = min(row["auroc_ci_low"] for row in members)
            yield Paragraph(words.sentence("perfect", test_set=key["test_set"], topics=n_topics, low=low), is_note=True)
