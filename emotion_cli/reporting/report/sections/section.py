"""What a section of the report is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from emotion_cli.reporting.report.blocks import Block, Chapter, Code, Paragraph, Table
from emotion_cli.reporting.report.facts import Facts
from emotion_cli.reporting.report.language import Language


@dataclass(frozen=True)
class Section:
    """The id of its heading, the queries and tables whose rows it shows, and what writes it."""

    id: str
    reads: tuple[str, ...]
    write: Callable[[Facts, Language], Iterable[Block]]

    def chapter(self, facts: Facts, words: Language) -> Chapter | None:
        """The section on the page; None where it has nothing to say."""
        blocks = list(self.write(facts, words))
        if not blocks:
            return None
        shown = {block.source for block in blocks if isinstance(block, Table)}
        others = [Code(f"emo sql {name}") for name in self.reads if name not in shown and facts.rows[name]]
        sources = [Paragraph(words.sentence("sources", queries=_listed(others, words)), is_note=True)] if others else []
        return Chapter(self.id, words.heading(self.id), [*blocks, *sources])


def _listed(queries: list[Code], words: Language) -> tuple[str, ...]:
    pieces: list[str] = []
    for i, query in enumerate(queries):
        if i:
            pieces.append(words.messages["lists"]["last" if i == len(queries) - 1 else "comma"])
        pieces.append(query)
    return tuple(pieces)
