"""How the numbers are made, in brief, and the words that they need."""

from collections.abc import Iterable

from emotion_cli.reporting.report.blocks import Block, Code, Heading, Paragraph, Terms
from emotion_cli.reporting.report.facts import Facts
from emotion_cli.reporting.report.language import Language


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """What was done, and the glossary."""
    names = {name: Code(value) for name, value in facts.variant.items()}
    yield Paragraph(words.sentence("method_vectors", **names))
    yield Paragraph(words.sentence("method_layers", over_layers=Code(facts.settings["over_layers"])))
    yield Paragraph(words.sentence("method_nulls", draws=facts.settings["draws"], seed=facts.settings["seed"]))
    yield Heading(words.heading("glossary"))
    yield Terms(words.glossary())
