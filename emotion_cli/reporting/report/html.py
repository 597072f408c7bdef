"""The Markdown page as one HTML file that needs nothing else: style and figures are in it, and it may run and request nothing."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token


def page(markdown: str, figures: Mapping[str, bytes]) -> str:
    """The page, with the Markdown's first block as its title; `figures`: the SVGs to show, by the links in their place."""
    # both take a while to import, and most commands write no report
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    contents: list[str] = []
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "heading_open" and opening.tag == "h2":
            contents.append(_text(inline))
            opening.attrs["id"] = f"s{len(contents)}"
        elif opening.type == "paragraph_open" and [child.type for child in inline.children or ()] == ["image"]:
            opening.tag = closing.tag = "figure"
            inline.children = _embedded(*inline.children or (), figures=figures)
    environment = Environment(
        loader=PackageLoader("emotion_cli.reporting.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    body = parser.renderer.render(tokens[3:], parser.options, {})
    return environment.get_template("page.html").render(title=_text(tokens[1]), contents=contents, body=body)


def _embedded(image: "Token", figures: Mapping[str, bytes]) -> "list[Token]":
    """A figure itself in the place of the link to it, and its caption below it."""
    from markdown_it.token import Token

    caption = Token("text", "", 0, content=_text(image))
    image.attrs["src"] = f"data:image/svg+xml;base64,{base64.b64encode(figures[str(image.attrs['src'])]).decode()}"
    image.children = [caption]
    return [image, Token("figcaption_open", "figcaption", 1), caption, Token("figcaption_close", "figcaption", -1)]


def _text(token: "Token") -> str:
    return "".join(child.content for child in token.children or ())
