"""The words of a page in one language: every fixed sentence, heading and header is a line of `messages/LANGUAGE.toml`."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from emotion_cli.reporting.report.blocks import Inline, filled, plain
from emotion_cli.reporting.report.facts import Picture

LANGUAGES = ("en", "ja")

NAMED = 2
"""So many models of a figure are named; more are counted."""

REST_OF_A_SET = "dataset_shift"
"""The kind of figure that is of a set and the rest of a larger one."""


@dataclass(frozen=True)
class Language:
    """Messages by group and id."""

    name: str
    messages: Mapping[str, Mapping[str, Any]]

    def sentence(self, message: str, /, **values: Any) -> Inline:
        """A sentence with its values."""
        return filled(self.messages["sentences"][message], values)

    def text(self, message: str, /, **values: Any) -> str:
        """The same without markup, for a value of another sentence."""
        return plain(self.sentence(message, **values))

    def heading(self, message: str, /, **values: Any) -> str:
        """A title or heading."""
        return plain(filled(self.messages["headings"][message], values))

    def column(self, message: str, /, **values: Any) -> str:
        """The header of a column."""
        return plain(filled(self.messages["columns"][message], values))

    def caption(self, message: str, /, **values: Any) -> Inline:
        """What a table shows."""
        return filled(self.messages["tables"][message], values)

    def alt(self, kind: str) -> str:
        """What a kind of figure shows, in its place; for an unknown kind its name."""
        return self.messages["figures"].get(kind, kind.replace("_", " "))

    def caption_of(self, picture: Picture) -> str:
        """How a figure is read: its own caption in English, else a translation where there is one."""
        translated = self.messages["captions"].get(picture.kind, {})
        return translated.get("maps" if picture.has_maps else "text", picture.caption)

    def subject_of(self, picture: Picture) -> str:
        """The models and training sets that a figure is of."""
        models = (
            self.listed(picture.models)
            if len(picture.models) <= NAMED
            else self.text("so_many_models", count=len(picture.models))
        )
        if picture.kind == REST_OF_A_SET:
            smaller, larger = picture.datasets
            return self.text("figure_of", models=models, datasets=self.heading("two_datasets", a=smaller, b=larger))
        return self.text("figure_of", models=models, datasets=self.listed(picture.datasets))

    def verdict(self, verdict: str, /) -> str:
        """A verdict of a query as it stands in a table."""
        return self.messages["verdicts"][verdict]["label"]

    def judged(self, verdict: str, /, **values: Any) -> Inline:
        """A verdict of a query as a whole sentence about some cases."""
        return filled(self.messages["verdicts"][verdict]["sentence"], values)

    def listed(self, words: Iterable[Any]) -> str:
        """Words as a list in a sentence."""
        texts = [str(word) for word in words]
        if len(texts) < 2:
            return "".join(texts)
        lists = self.messages["lists"]
        return lists["last"].join([lists["comma"].join(texts[:-1]), texts[-1]])

    def glossary(self) -> list[tuple[str, Inline]]:
        """Terms and their meanings, in the order of the file."""
        return [(entry["term"], filled(entry["meaning"], {})) for entry in self.messages["glossary"].values()]


@cache
def language(name: str) -> Language:
    """One of `LANGUAGES`."""
    text = files("emotion_cli.reporting.report").joinpath("messages", f"{name}.toml").read_text(encoding="utf-8")
    return Language(name, tomllib.loads(text))
