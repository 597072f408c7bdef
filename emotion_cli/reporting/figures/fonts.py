"""Fonts for labels in any script: matplotlib's own first, then the first of the machine's that has what it lacks."""

from collections.abc import Iterable
from functools import cache

LATIN = "DejaVu Sans"
"""The font that comes with matplotlib."""

PREFERRED = ("notosanscjk", "notosansjp", "ipaexg", "ipag", "hiragino", "yugoth", "meiryo", "msgothic", "notosans")
"""Beginnings of the file names of fonts that are tried first, because they look like the Latin one."""

SCREEN = f"'{LATIN}', Verdana, Geneva"
"""What an SVG asks for: on machines without the first, the other two are as wide."""


def families(texts: Iterable[str]) -> tuple[list[str], str]:
    """The fonts that these texts need, in order, and the characters that no font of the machine has."""
    needed = {character for text in texts for character in text if ord(character) > 0x7F} - _characters(_latin())
    needed = {character for character in needed if character.isprintable()}
    if not needed:
        return [LATIN], ""
    return _others(frozenset(needed))


@cache
def _others(needed: frozenset[str]) -> tuple[list[str], str]:
    from matplotlib import font_manager

    chosen, missing = [LATIN], set(needed)
    for path in _installed():
        if not missing:
            break
        try:
            has = missing & _characters(path)
        except (OSError, RuntimeError):  # a file that is no font that FreeType reads
            continue
        if has:
            # the list that matplotlib keeps may be older than the font
            font_manager.fontManager.addfont(path)
            chosen.append(font_manager.get_font(path).family_name)
            missing -= has
    return chosen, "".join(sorted(missing))


def _latin() -> str:
    from matplotlib import font_manager

    return font_manager.findfont(LATIN)


@cache
def _installed() -> list[str]:
    from pathlib import Path

    from matplotlib import font_manager

    def order(path: str) -> tuple[int, str]:
        name = Path(path).name.lower()
        return next((i for i, beginning in enumerate(PREFERRED) if name.startswith(beginning)), len(PREFERRED)), path

    return sorted(font_manager.findSystemFonts(), key=order)


@cache
def _characters(path: str) -> frozenset[str]:
    from matplotlib import font_manager

    return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
