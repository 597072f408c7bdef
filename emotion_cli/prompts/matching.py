"""What rows made elsewhere say about their prompts, matched with a dataset that is known or that they make."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from emotion_cli.prompts.prompt_set import Prompt, PromptSet, Row, validated

LONGEST_SHOWN = 60
"""Characters of a text that a message quotes."""


class Claim(NamedTuple):
    """What a row says about its prompt; None where it says nothing."""

    text: str | None
    prompt_id: str | None
    emotion: str | None
    topic: str | None


class Match(NamedTuple):
    """The prompt's number, or the sentence that says why there is none."""

    number: int = -1
    fault: str = ""


class KnownPrompts:
    """The prompts of a dataset, in its order; a row must name one of them and agree with its label and topic."""

    def __init__(self, dataset: str, columns: Mapping[str, Sequence[Any]]) -> None:
        self.dataset = dataset
        self.prompt_ids: Sequence[str] = columns["prompt_id"]
        self.emotions: Sequence[str] = columns["emotion"]
        self._topics = columns["topic"]
        self._by_text = {text: number for number, text in enumerate(columns["text"])}
        self._by_id = {prompt_id: number for number, prompt_id in enumerate(self.prompt_ids)}

    @property
    def order(self) -> list[int]:
        """Numbers in the order of the dataset."""
        return list(range(len(self.prompt_ids)))

    def find(self, claim: Claim, place: str) -> Match:
        """The prompt that a row is about; `place` is where the row stands."""
        if claim.text is None and claim.prompt_id is None:
            return Match(fault="text or prompt_id is missing")
        number = self._by_id.get(claim.prompt_id or "") if claim.text is None else self._by_text.get(claim.text)
        if number is None:
            what = f"prompt_id {claim.prompt_id!r}" if claim.text is None else f"text {shortened(claim.text)}"
            return Match(fault=f"{what} is not in dataset {self.dataset}")
        if claim.prompt_id not in (None, self.prompt_ids[number]):
            return Match(fault=f"prompt_id {claim.prompt_id!r} is not that of the text, which is {self.prompt_ids[number]!r}")
        if claim.emotion is None:
            return Match(fault="emotion is missing")
        if claim.emotion != self.emotions[number]:
            return Match(fault=f"the prompt's label is {claim.emotion!r} here and {self.emotions[number]!r} in {self.dataset}")
        if claim.topic not in (None, self._topics[number]):
            return Match(fault=f"the prompt's topic is {claim.topic!r} here and {self._topics[number]!r} in {self.dataset}")
        return Match(number)


class NewPrompts:
    """Prompts of a dataset that does not exist yet: every distinct text is one; `prompt_set` validates them as a whole."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._rows: list[Row] = []
        self.prompt_ids: list[str] = []
        self.emotions: list[str] = []

    @property
    def order(self) -> list[int]:
        """Numbers sorted by label, topic and text, so that the order of the rows does not matter."""
        values = [row.values for row in self._rows]
        keys = [(value["emotion"], value["topic"] or "", value["text"]) for value in values]
        return sorted(range(len(keys)), key=keys.__getitem__)

    def find(self, claim: Claim, place: str) -> Match:
        """The prompt that a row is about, a new one where it was not seen before."""
        if claim.text is None:
            return Match(fault="text is missing: a new dataset needs the text of every row")
        if claim.emotion is None:
            return Match(fault="emotion is missing")
        number = self._numbers.setdefault(claim.text, len(self._rows))
        if number == len(self._rows):
            self._rows.append(Row(place, {"text": claim.text, "emotion": claim.emotion, "topic": claim.topic}))
            self.prompt_ids.append(Prompt(claim.text, claim.emotion).prompt_id)
            self.emotions.append(claim.emotion)
        first = self._rows[number]
        if claim.emotion != self.emotions[number]:
            return Match(fault=f"the text stands under {claim.emotion!r} here and {self.emotions[number]!r} at {first.place}")
        if claim.topic != first.values["topic"]:
            return Match(fault=f"the text has topic {claim.topic!r} here and {first.values['topic']!r} at {first.place}")
        if claim.prompt_id not in (None, self.prompt_ids[number]):
            return Match(fault=f"prompt_id {claim.prompt_id!r} is not that of the text, which is {self.prompt_ids[number]!r}")
        return Match(number)

    def prompt_set(self, name: str, role: str, faults: Sequence[str]) -> PromptSet:
        """The prompts as a set, in `order`; UsageError listing `faults` and what is wrong with the set."""
        return validated(name, [self._rows[number] for number in self.order], role=role, faults=faults)


Prompts = KnownPrompts | NewPrompts


def shortened(text: str) -> str:
    """A text as messages quote it."""
    return repr(text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…")
