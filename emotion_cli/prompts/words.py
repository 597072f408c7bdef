"""The words that name each label, and where they stand in a text; which tokens those are is for the models to say."""

import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from emotion_cli.errors import UsageError
from emotion_cli.prompts.scripts import UNSPACED, marks, word_tokens

RULE = 2
"""Raise it when other places of a text are found with the same list, so that rows and audits are made again."""

Span = tuple[int, int]
"""Characters of a text: the index of the first, and one past the last."""


@dataclass(frozen=True)
class WordList:
    """Words and phrases by label, every inflection written out."""

    words: Mapping[str, tuple[str, ...]]

    @cached_property
    def sha256(self) -> str:
        """Content hash of the list and the rule by which it is read; the order of words and labels is not in it."""
        meaning = {label: sorted({word.casefold() for word in words}) for label, words in self.words.items()}
        return hashlib.sha256(json.dumps([RULE, meaning], sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def spans(self, text: str, label: str) -> list[Span]:
        """Where words of `label` stand in `text` as whole words, in any case."""
        pattern = self._patterns.get(label)
        return [match.span() for match in pattern.finditer(text)] if pattern else []

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        return {label: _pattern(words) for label, words in self.words.items()}


def last_word(text: str) -> list[Span]:
    """Where the last word that holds a letter or digit stands in `text`; empty where there is none.

    Words are those of `word_tokens`: without the punctuation around them, and one letter where a script has no spaces.
    """
    for word in reversed(word_tokens(text)):
        if any(map(str.isalnum, word)):
            # nothing after it holds a letter, so the last place where it stands is its own
            start = text.rfind(word)
            return [(start, start + len(word))]
    return []


def read_words(path: Path | None) -> WordList:
    """The word list of a TOML file (`label = ["word", ...]`), the one that ships by default; UsageError if it is faulty."""
    source = path or files("emotion_cli.prompts").joinpath("data/words.toml")
    try:
        declared = tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"--words {path}: no such file", hint='a line for each label: label = ["word", "another word"]'
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"--words {path}: not readable as TOML: {error}") from error
    for label, words in declared.items():
        if not isinstance(words, list) or not words or not all(isinstance(word, str) and word.strip() for word in words):
            raise UsageError(f"--words {path}: {label} is not a list of words", hint=f'{label} = ["word", "another"]')
    return WordList({label: tuple(words) for label, words in declared.items()})


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """A pattern that matches the words as whole words; letters of a script without spaces need no word boundary."""
    # a text may hold letters with their marks as one character or as several
    written = {unicodedata.normalize(form, word) for word in words for form in ("NFC", "NFD")} | set(words)
    # the longest first, so that a phrase is not cut to its first word
    ordered = sorted(written, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(_whole, ordered)), re.IGNORECASE)


def _whole(word: str) -> str:
    pieces = word.split()
    form = r"\s+".join(map(re.escape, pieces))
    # letters, digits and marks of scripts with spaces
    spaced = rf"[^\W{UNSPACED}]"
    mark = f"[{marks()}]"
    before = "" if re.match(f"[{UNSPACED}]", pieces[0]) else rf"(?<!{spaced})(?<![^\W{UNSPACED}]{mark})"
    after = "" if re.match(f"[{UNSPACED}]", pieces[-1][-1]) else rf"(?!{spaced})"
    # a mark after the last letter makes it another
    return rf"{before}{form}(?!{mark}){after}"
