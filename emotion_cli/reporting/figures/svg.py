"""What an SVG of matplotlib becomes: short, described, readable on a light and on a dark ground, and fit to stand in a page."""

import re
from hashlib import sha256
from html import escape, unescape
from typing import NamedTuple

from emotion_cli.reporting.figures.fonts import LATIN, SCREEN
from emotion_cli.reporting.figures.theme import GROUND, THEMED

CLASS = "emo-figure"
"""Class of each figure's `svg` element. The rectangle behind it has the class `ground`."""

TAG = re.compile(r"<[^<>]+>")
NUMBERS = re.compile(r'(?<= )(d|points|x|y|x1|x2|y1|y2|width|height|transform|viewBox)="([^"]*)"')
STYLE = re.compile(r'(?<= )style="([^"]*)"')
MARKERS = re.compile(r'<g([^<>]*)>\n((?:<use [^<>]*style="([^"]*)"/>\n)(?:<use [^<>]*style="\3"/>\n)*)</g>')
"""Markers of one style."""
SAME_STYLE = re.compile(r'<path d="([^"]*)"([^<>]*)/>\n(?:<path d="[^"]*"\2/>\n)+')
"""Lines or bars of one style."""
REFERENCE = re.compile(r'(href="|url\()#([^")]+)')
HEAD = re.compile(r'<svg [^>]*data-kind="([^"]*)"[^>]*>\s*<title[^>]*>(.*?)</title>\s*<desc[^>]*>(.*?)</desc>', re.DOTALL)


class Description(NamedTuple):
    """What a figure says of itself."""

    kind: str
    """What it is a figure of, as in CAPTIONS."""
    title: str
    caption: str


def described(svg: bytes) -> Description:
    """Kind, title and caption of a figure, as they stand in its SVG; ValueError where there are none."""
    head = HEAD.search(svg.decode())
    if not head:
        raise ValueError("this SVG has no title and no caption: it is no figure of this version of emo")
    return Description(*map(unescape, head.groups()))


def finished(svg: str, description: Description) -> bytes:
    """matplotlib's SVG with its description, a second palette for dark grounds, names of its own, and two decimals."""
    body = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], count=1, flags=re.DOTALL)
    body = _renamed(TAG.sub(lambda tag: _shorter(tag[0]), body), description)
    # a marker has the style of what uses it: browsers do not apply a page's rules inside <use>
    body = re.sub(r'(<path id="[^"]*" d="[^"]*") style="[^"]*"/>', r"\1/>", body)
    body = MARKERS.sub(_shared_style, re.sub(r">\s+<", ">\n<", body))
    body = SAME_STYLE.sub(_joined, body)
    root, rest = body.split(">", 1)
    name = _name(description)
    return (
        f'{root} class="{CLASS}" font-family="{SCREEN},sans-serif" role="img"'
        f' aria-labelledby="{name}t {name}d" data-kind="{escape(description.kind)}">\n'
        f'<title id="{name}t">{escape(description.title)}</title>\n<desc id="{name}d">{escape(description.caption)}</desc>\n'
        f"<style>{DARK}</style>\n"
        f'<rect class="ground" width="100%" height="100%" style="fill:{GROUND.light}"/>{rest}'
    ).encode()


def _dark() -> str:
    """Rules for a dark screen; paper stays white. A viewer that does not know them shows the light colours."""
    rules = (
        f'.{CLASS} [style*="{what}:{colour.light}"]{{{what}:{colour.dark}!important}}'
        for colour in THEMED
        for what in ("fill", "stroke")
    )
    return f"@media screen and (prefers-color-scheme:dark){{{''.join(rules)}}}"


DARK = _dark()


def _name(description: Description) -> str:
    return "f" + sha256("\0".join(description).encode()).hexdigest()[:8]


def _shorter(tag: str) -> str:
    tag = NUMBERS.sub(lambda match: f'{match[1]}="{_rounded(match[2])}"', tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", tag)
    return STYLE.sub(_style, tag)


def _rounded(numbers: str) -> str:
    short = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), numbers)
    return re.sub(r"(?<=[A-Za-z]) ", "", re.sub(r"\s*\n\s*", "", short))


def _style(match: re.Match[str]) -> str:
    style = re.sub(r"([:;]) ", r"\1", match[1])
    # the usual fonts stand at the root
    style = style.replace(f"font-family:{LATIN!r};", "")
    style = re.sub(r"font-family:([^;]*)", lambda fonts: f"font-family:{fonts[1].replace(repr(LATIN), SCREEN)},sans-serif", style)
    return f'style="{style}"'


def _shared_style(markers: re.Match[str]) -> str:
    """The style of many markers, once."""
    style = f' style="{markers[3]}"'
    return f"<g{markers[1]}{style}>\n{markers[2].replace(style, '')}</g>"


def _joined(paths: re.Match[str]) -> str:
    """Many paths of one style as one."""
    data = "".join(re.findall(r' d="([^"]*)"', paths[0]))
    return f'<path d="{data}"{paths[2]}/>\n'


def _renamed(body: str, description: Description) -> str:
    """Only what is referred to keeps a name, and no two figures of a page share one."""
    prefix = _name(description)
    names = {name: f"{prefix}{i}" for i, name in enumerate(sorted({match[2] for match in REFERENCE.finditer(body)}))}
    body = re.sub(
        r'(?<=<)([^<>]*?) id="([^"]*)"', lambda tag: f'{tag[1]} id="{names[tag[2]]}"' if tag[2] in names else tag[1], body
    )
    return REFERENCE.sub(lambda match: f"{match[1]}#{names[match[2]]}", body)
