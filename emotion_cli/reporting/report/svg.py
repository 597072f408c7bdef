"""Figures as elements of a page: text that can be selected, colours that follow the reader's setting, and nothing that runs."""

import re
from html import escape
from xml.etree import ElementTree

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"

ELEMENTS = frozenset(
    (
        *("svg", "g", "defs", "path", "use", "clipPath", "text", "tspan", "title", "desc", "rect", "circle", "ellipse", "line"),
        *("polyline", "polygon", "image", "pattern", "linearGradient", "radialGradient", "stop", "marker", "symbol"),
    )
)
"""What is taken over; styles, metadata and scripts are not."""

LOCAL = re.compile(r"#|data:image/png;base64,")
"""What a reference may lead to: a part of the same figure, or pixels in it."""

COLOUR = re.compile(r"#([0-9a-fA-F]{6})\b")
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def element(svg: bytes, prefix: str, alt: str) -> str:
    """A figure as an `svg` element whose ids begin with `prefix`; `alt` is its text for those who do not see it."""
    root = ElementTree.fromstring(svg)
    identifiers = {node.get("id", ""): f"{prefix}{i}" for i, node in enumerate(root.iter()) if node.get("id")}
    width, height = (float(re.sub(r"[a-z]+$", "", root.get(name, "0"))) for name in ("width", "height"))
    view = root.get("viewBox", f"0 0 {width:g} {height:g}")
    # a colour bar or heat map has text on its colours, which must not change
    follows = not any(node.tag == f"{SVG}image" for node in root.iter())
    inner = "".join(_written(child, identifiers, follows=follows) for child in root)
    return (
        f'<svg role="img" aria-labelledby="{prefix}t" viewBox="{escape(view)}" '
        f'class="{"follows" if follows else "light"}" stroke-linejoin="round" stroke-linecap="butt">'
        f'<title id="{prefix}t">{escape(alt)}</title>{inner}</svg>'
    )


def _written(node: ElementTree.Element, identifiers: dict[str, str], *, follows: bool) -> str:
    name = node.tag.removeprefix(SVG) if isinstance(node.tag, str) else ""
    if name not in ELEMENTS:
        return ""
    attributes = "".join(_attribute(key, value, identifiers, follows=follows) for key, value in node.attrib.items())
    inner = "".join(_written(child, identifiers, follows=follows) + _kept(child.tail) for child in node)
    return f"<{name}{attributes}>{_kept(node.text)}{inner}</{name}>"


def _attribute(key: str, value: str, identifiers: dict[str, str], *, follows: bool) -> str:
    name = key.removeprefix(XLINK)
    if name.startswith(("{", "on")):
        return ""
    if name == "href":
        if not LOCAL.match(value):
            return ""
        value = f"#{identifiers.get(value[1:], '')}" if value.startswith("#") else value
    elif name == "id":
        value = identifiers[value]
    else:
        value = re.sub(r"url\(#([^)]*)\)", lambda match: f"url(#{identifiers.get(match[1], '')})", value)
    if name == "style" and follows:
        # the second is the colour itself, which counts where the page gives no other
        value = COLOUR.sub(lambda match: f"var(--c{match[1].lower()}, {match[0]})", value)
    if name in ("d", "x", "y", "points"):
        value = LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), " ".join(value.split()))
    return f' {name}="{escape(value)}"'


def _kept(text: str | None) -> str:
    return escape(text) if text and text.strip() else ""
