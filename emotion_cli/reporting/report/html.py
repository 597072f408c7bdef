"""A page as one HTML file that needs nothing else: style and pictures are in it, and it may run and request nothing."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from emotion_cli.reporting.report.document import Block, Chapter, Code, Grid, Heading, Inline, Items, Listing, Paragraph, Picture

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser is allowed to do with the page: use the style and the pictures in it; no script, no request."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #ffffff; --soft: #5c5c5c; --line: #d5d5d5; --tint: #f5f5f3;
  --link: #0a58a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #16181b; --soft: #a3a3a3; --line: #3a3d42;
  --tint: #202327; --link: #7db8ef; } }
body { margin: 0 auto; padding: 2rem 1.25rem 5rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.35rem; margin: 2.6rem 0 0.6rem; padding-top: 0.6rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 1.8rem 0 0.4rem; } h4 { font-size: 1rem; margin: 1.4rem 0 0.3rem; }
a { color: var(--link); } p, li { max-width: 46rem; }
nav { background: var(--tint); border: 1px solid var(--line); border-radius: 6px; padding: 0.7rem 1.2rem; }
nav ol { margin: 0.2rem 0; padding-left: 1.4rem; columns: 2 16rem; }
nav strong { font-size: 0.9rem; }
code, pre { font: 0.88em/1.5 ui-monospace, monospace; background: var(--tint); border-radius: 4px; }
code { padding: 0.1em 0.3em; } pre { padding: 0.8rem 1rem; overflow-x: auto; border: 1px solid var(--line);
  overflow-wrap: normal; }
.scroll { overflow-x: auto; overflow-wrap: normal; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { border-bottom: 2px solid var(--line); } .number { text-align: right; white-space: nowrap; }
.source { color: var(--soft); font-size: 0.85rem; margin: 0.25rem 0 0.8rem; } .source code { font-size: 0.95em; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 0; padding: 0.6rem; background: #ffffff; color: #1c1c1c; border: 1px solid var(--line);
  border-radius: 6px; }
figure svg { display: block; width: 100%; height: auto; } figcaption { font-size: 0.85rem; color: #5c5c5c; }
@media print { nav { display: none; } figure { break-inside: avoid; } }
"""


def page(title: str, chapters: Iterable[Chapter]) -> str:
    """The whole page."""
    chapters = list(chapters)
    entries = "".join(f'<li><a href="#s{i}">{escape(chapter.title)}</a></li>' for i, chapter in enumerate(chapters, 1))
    body = "\n".join(_chapter(i, chapter) for i, chapter in enumerate(chapters, 1))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header><h1>{escape(title)}</h1></header>\n"
        f'<nav aria-label="Contents"><strong>Contents</strong><ol>{entries}</ol></nav>\n<main>\n{body}\n</main>\n'
        "</body>\n</html>\n"
    )


def _chapter(number: int, chapter: Chapter) -> str:
    parts = [f'<section id="s{number}">', f"<h2>{escape(chapter.title)}</h2>"]
    pictures: list[str] = []
    for i, block in enumerate(chapter.blocks):
        if isinstance(block, Picture):
            pictures.append(_picture(block, f"f{number}-{i}-"))
            continue
        parts += _figures(pictures)
        pictures = []
        parts.append(_block(block))
    return "\n".join([*parts, *_figures(pictures), "</section>"])


def _figures(pictures: Sequence[str]) -> list[str]:
    return ['<div class="figures">', *pictures, "</div>"] if pictures else []


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
        case Paragraph():
            return f"<p>{_paragraph(block)}</p>"
        case Items():
            kind = "ol" if block.numbered else "ul"
            return f"<{kind}>{''.join(f'<li>{_paragraph(member)}</li>' for member in block.members)}</{kind}>"
        case Listing():
            return f"<pre>{escape(block.text.rstrip())}</pre>"
        case Grid():
            return _grid(block)
        case Picture():
            raise ValueError("pictures are written together")


def _paragraph(paragraph: Paragraph) -> str:
    text = "".join(_inline(part) for part in paragraph.parts)
    return f'{text} <span class="source">({_source(paragraph.source)})</span>' if paragraph.source else text


def _inline(part: Inline) -> str:
    return f"<code>{escape(part.text)}</code>" if isinstance(part, Code) else escape(part)


def _source(query: str) -> str:
    return f"<code>emo sql {escape(query)}</code>"


def _grid(table: Grid) -> str:
    kinds = [' class="number"' if number else "" for number in table.numeric]
    head = "".join(f'<th scope="col"{kind}>{escape(text)}</th>' for kind, text in zip(kinds, table.headers, strict=True))
    rows = ["".join(f"<td{kind}>{escape(text)}</td>" for kind, text in zip(kinds, row, strict=True)) for row in table.rows]
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n'
        f'<p class="source">{_source(table.source)}</p>'
    )


def _picture(picture: Picture, prefix: str) -> str:
    caption = escape(picture.caption)
    return f"<figure>{inlined(picture.svg.decode('utf-8'), prefix, picture.caption)}<figcaption>{caption}</figcaption></figure>"


def inlined(svg: str, prefix: str, label: str) -> str:
    """An SVG file as part of a page: no prolog, comments or metadata, and ids of its own."""
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{prefix}', body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}", body)
    body = re.sub(r"\n\s*", "\n", body)
    # the page's style says how large it is
    opening = re.sub(r'\s(?:width|height)="[^"]*"', "", body[: body.index(">")])
    return f'{opening} role="img" aria-label="{escape(label)}"{body[body.index(">") :].rstrip()}'
