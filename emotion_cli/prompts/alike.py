"""Labels, topics and texts that look alike but are not the same: nobody means them as two."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

from emotion_cli.prompts.scripts import ranges_of

MOST_PLACES = 3
"""Places of a label that a message names."""

MISSING_VALUES = ("n/a", "#n/a", "nan", "null", "-", "?")
"""Labels, in small letters, that programs and people write where there is no value."""

LONGEST_SHOWN = 60
"""Characters of a text that a message quotes."""

_DRAWN_LIKE_LATIN = str.maketrans(
    # Cyrillic, Greek and Armenian letters that fonts draw as Latin ones, and the dotless i
    "аеорсухіјѕԁԛԝһӏѵԍαοιρυνχκτϲϳօսոհցքս" + "АВЕЅІЈКМНОРСТХУѴԌӀΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿՕՏԼ" + "ı",
    "aeopcyxijsdqwhlvgaoipuvxktcjounhgqu" + "ABESIJKMHOPCTXYVGlABEZHIKMNOPTYXCJOSL" + "i",
)

_SHOWN_AS_NOTHING = (
    # fillers of Hangul, vowels of Khmer that are never drawn, the blank of Braille, selectors of variants, joiners of graphemes
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
)

_SURELY_SEEN = re.compile("[^\\W\u115f\u1160\u3164\uffa0]")
"""Letters and digits, apart from fillers of Hangul: most texts have some at their beginning."""

_JOINERS = re.compile("[\u200c\u200d\ufe00-\ufe0f]")
"""Invisible, yet part of how some scripts and emoji are written."""

_MARKS = str.maketrans({**dict.fromkeys("‘’ʼʹ`´′＇", "'"), **dict.fromkeys("“”„″«»", '"')})
_DIVIDERS = re.compile(r"(?<=[^\W_])[\s_\-‐-―−・·]+(?=[^\W_])")
"""Between letters and digits: white space, hyphens, dashes and underscores, which are taken for one another."""


def seen(text: str) -> str:
    """The visible form of a text: without differences of Unicode form, invisible characters, kinds of space or of letters."""
    plain = _plain(text)
    return _exchanged(plain, _DRAWN_LIKE_LATIN, _drawn())


def meanings(name: str) -> tuple[str, ...]:
    """The normal forms of a label or topic, without case, dividers and marks around it: by its letters, by looks."""
    # two: letters that are drawn alike need not be so in the other case
    return tuple(dict.fromkeys(_named(text) for text in (_plain(name), seen(name))))


def _named(text: str) -> str:
    # case goes twice, with the form between, as Unicode defines it; a dot over an i is what is left of a Turkish capital
    folded = _plain(text.casefold()).casefold().replace("i\u0307", "i").replace("ı", "i")
    return _DIVIDERS.sub(" ", folded).strip("'`\" ").rstrip(".,;: ")


def _plain(text: str) -> str:
    if not text.isascii():
        # marks first: the form makes a space and a combining mark of some
        text = unicodedata.normalize("NFKC", _visible(_exchanged(text, _MARKS, _marked())))
    return " ".join(_visible(text).split())


def is_blank(text: str) -> bool:
    """Whether a text contains no visible character."""
    return not _SURELY_SEEN.search(text) and not _visible(text).strip()


def closest(name: str, known: Iterable[str]) -> str | None:
    """Which of the known names was probably meant."""
    by_meaning = {meanings(candidate)[0]: candidate for candidate in known}
    close = get_close_matches(meanings(name)[0], by_meaning, n=1)
    return by_meaning[close[0]] if close else None


class TextQuestions(NamedTuple):
    """A question for each text that looks like one of another label or topic, and how many look like one of their own."""

    questions: list[str]
    n_same: int


def questions_of_labels(places: Mapping[str, Sequence[str]], reserved: str) -> list[str]:
    """A sentence for each label, with the places of its rows, that looks like another or a missing value, or holds the unseen."""
    asked = twins("label", places)
    for label, rows in places.items():
        if reserved in meanings(label) and label != reserved:
            asked.append(f"{rows[0]}: the label {shown(label)} looks like {reserved!r}, which means the mean of the other labels")
        elif label.casefold() in MISSING_VALUES:
            asked.append(f"{rows[0]}: the label {shown(label)}{_rows(rows[1:])} looks like a missing value")
        elif _visible(without := _JOINERS.sub("", label)) != without:
            asked.append(f"{rows[0]}: the label {shown(label)} contains invisible characters{_rows(rows[1:])}")
    return asked


def questions_of_texts(contexts: Mapping[str, tuple[str, str | None]], places: Mapping[str, str]) -> TextQuestions:
    """Questions on texts, whose labels and topics are given, with the place of each."""
    asked: list[str] = []
    n_same = 0
    first: dict[str, str] = {}
    for text, (label, topic) in contexts.items():
        earlier = first.setdefault(seen(text), text)
        if earlier == text:
            continue
        other_label, other_topic = contexts[earlier]
        if (label, topic) == (other_label, other_topic):
            n_same += 1
            continue
        kind, value, previous = ("label", label, other_label) if label != other_label else ("topic", topic, other_topic)
        asked.append(
            f"{places[text]}: the text {shown(text)} ({kind} {value!r}) looks like {shown(earlier)} ({kind} {previous!r}) at "
            f"{places[earlier]}"
        )
    return TextQuestions(asked, n_same)


def shown(text: str) -> str:
    """A text as messages quote it, followed by escapes where it holds other characters than ASCII's."""
    cut = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
    return repr(cut) if text.isascii() else f"{cut!r} = {cut!a}"


def twins(kind: str, places: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence for each name of a kind (a label, topic or cluster), with the places of its rows, that looks like another."""
    first: dict[str, str] = {}
    asked = []
    for name, rows in places.items():
        earlier = next((first[meaning] for meaning in meanings(name) if meaning in first), name)
        first.update(dict.fromkeys(meanings(name), earlier))
        if earlier != name:
            asked.append(
                f"{rows[0]}: the {kind} {shown(name)}{_rows(rows[1:])} looks like {shown(earlier)} at {places[earlier][0]}"
                f"{_rows(places[earlier][1:])}"
            )
    return asked


def _rows(places: Sequence[str]) -> str:
    """The further places of a name."""
    named = ", ".join(places[: MOST_PLACES - 1])
    more = len(places) - (MOST_PLACES - 1)
    return f" (also {named}{f' and {more} more' if more > 0 else ''})" if places else ""


def _visible(text: str) -> str:
    return text if text.isascii() and text.isprintable() else _unseen().sub("", text)


def _exchanged(text: str, table: Mapping[int, int | str], any_of: re.Pattern[str]) -> str:
    # to look first is five times as fast
    return text.translate(table) if any_of.search(text) else text


@cache
def _drawn() -> re.Pattern[str]:
    return re.compile(f"[{''.join(map(chr, _DRAWN_LIKE_LATIN))}]")


@cache
def _marked() -> re.Pattern[str]:
    return re.compile(f"[{''.join(map(chr, _MARKS))}]")


@cache
def _unseen() -> re.Pattern[str]:
    return re.compile(f"[{_SHOWN_AS_NOTHING}{ranges_of('Cc', 'Cf')}]")
