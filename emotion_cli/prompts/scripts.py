"""Scripts that are written without spaces between words, and the words of a text in any script."""

import re
import unicodedata
from functools import cache

KATAKANA = (
    "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
    "\U0001aff0-\U0001afff\U0001b000\U0001b120-\U0001b122\U0001b155\U0001b164-\U0001b167"
)

HAN = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)

UNSPACED = (
    "\u0e01-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u0f40-\u0fbc"  # Thai, Lao, Tibetan
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
    "\u1950-\u1974\u1980-\u19c9\u1a20-\u1a7c\uaa80-\uaadf"  # Tai Le, New Tai Lue, Tai Tham, Tai Viet
    "\u1b00-\u1b4c\ua980-\ua9c0"  # Balinese, Javanese
    "\u3041-\u3096\u3099\u309a\u309d-\u309f\U0001b001-\U0001b11f\U0001b132\U0001b150-\U0001b152"  # Hiragana
    "\u3105-\u312f\u31a0-\u31bf\ua000-\ua48c" + HAN + KATAKANA  # Bopomofo, Yi
)
"""Letters and marks of scripts without spaces between words, as ranges of a character class."""

LAST = 0x1FFFF
"""Where the planes end that have marks and controls, apart from tags and selectors of variants."""


@cache
def ranges_of(*categories: str) -> str:
    """Characters of these categories of Unicode up to `LAST`, white space apart, as ranges of a character class."""
    codes = [code for code in range(LAST) if unicodedata.category(chr(code)) in categories and not chr(code).isspace()]
    ends = [i for i in range(len(codes)) if i + 1 == len(codes) or codes[i + 1] != codes[i] + 1]
    starts = [0, *(i + 1 for i in ends[:-1])]
    return "".join(f"{re.escape(chr(codes[a]))}-{re.escape(chr(codes[b]))}" for a, b in zip(starts, ends, strict=True))


def marks() -> str:
    """Marks that stand on, under or beside a letter and belong to its word, as ranges of a character class."""
    return ranges_of("Mn", "Mc", "Me")


def words_of(text: str) -> list[str]:
    """The words of a text: split at white space, and where a script has no spaces each letter with its marks by itself.

    A run of Katakana is one word, as in Unicode's word boundaries, which know no dictionary either.
    """
    if text.isascii():
        return text.split()
    words: list[str] = []
    for piece in text.split():
        if _unspaced().search(piece):
            words += [part for part in _parts().findall(piece) if any(map(str.isalnum, part))] or [piece]
        else:
            words.append(piece)
    return words


@cache
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{UNSPACED}]")


@cache
def _parts() -> re.Pattern[str]:
    return re.compile(f"[{KATAKANA}][{KATAKANA}{marks()}]*|[{UNSPACED}][{marks()}]*|(?:[^{UNSPACED}]|[{marks()}])+")


def word_tokens(text: str) -> list[str]:
    """The words of a text without the punctuation around them, by Unicode's word boundaries; what holds no letter stays whole."""
    return [token for word in words_of(text) for token in _tokens().findall(word) or [word]]


@cache
def _tokens() -> re.Pattern[str]:
    letters = rf"[\w{marks()}]+"
    return re.compile(rf"{letters}(?:['\u2019]{letters})*")
