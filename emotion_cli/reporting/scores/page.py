"""Scored texts as one self-contained page: no script, no file beside it; each colour has its number beside it."""

import html
from collections.abc import Sequence

from emotion_cli.reporting.scores.card import (
    About,
    Card,
    EmotionScore,
    number,
    number_of_which,
    parts_of,
    read_at,
    strongest,
    visible,
)

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #111; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 1.2rem 0 .2rem; }
table { border-collapse: collapse; margin: .5rem 0; } th, td { padding: .2rem .8rem .2rem 0; text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
p.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0; color: #595959; }
p.text b { font-weight: 400; color: #111; border-radius: .2rem; padding: 0 .1rem; }
p.text sub { font-size: .65em; color: #111; padding-left: .1rem; }
.high { background: #fbd9b8; } .very-high { background: #f0a35e; }
.low { background: #cfe4f5; } .very-low { background: #8fc1ea; }
.unread { color: #595959; }
.sink { border-bottom: 2px dotted #767676; }
""".strip()

NONE_STRONG = "none above the middle 95 %"
"""What stands where no word is the strongest."""

LEGEND = (
    ("high", "above 97.5 % of them"),
    ("very high", "above 99.5 % of them"),
    ("low", "below 97.5 % of them"),
    ("very low", "below 99.5 % of them"),
)


def page(cards: Sequence[Card], about: About) -> str:
    """The page of some scored texts."""
    title = f"Scores of {len(cards)} {'text' if len(cards) == 1 else 'texts'} under {about.model}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title>",
            f"<style>\n{STYLE}\n</style>",
            "</head>",
            "<body>",
            f"<h1>{html.escape(title)}</h1>",
            f"<p>{_said(about)}</p>",
            f"<p>{_said_of_words(about)}</p>",
            *(part for card in cards for part in _section(card, about.column)),
            "</body>",
            "</html>",
            "",
        ]
    )


def _said(about: About) -> str:
    neutral = html.escape(about.neutral)
    return (
        f"Directions of {html.escape(about.dataset)}. <b>emotional</b>: share of {neutral} training texts that score lower. "
        "<b>which</b>: share of the other emotions' training texts that score lower. "
        f"Both are of {read_at(about.pooling)} (pooling {html.escape(about.pooling)}). "
        f"In brackets and grey: not to be read, because <b>emotional</b> is not above 97.5 % of {neutral} texts."
    )


def _said_of_words(about: About) -> str:
    neutral = html.escape(about.neutral)
    against = f"{neutral} text" if about.column == "emotional" else "the other emotions"
    legend = " ".join(f'<b class="{_css(name)}">{name}</b> {said}.' for name, said in LEGEND)
    return (
        f"Words are coloured by the direction against {against}. The number behind a word is the share of {neutral} training "
        f"tokens that score lower. Grey words lie inside the middle 95 %. {legend} "
        '<span class="sink">Dotted</span>: an attention sink, which has no number.'
    )


def _section(card: Card, column: str) -> list[str]:
    return [
        f"<h2>{html.escape(visible(card.text_id))}</h2>",
        "<table>",
        '<tr><th scope="col">emotion</th><th scope="col">layer</th><th scope="col">emotional</th><th scope="col">which</th>'
        '<th scope="col">strongest word</th></tr>',
        *(_row(card, score, column) for score in card.scores),
        "</table>",
        *(line for score in card.scores for line in _text(card, score, column)),
    ]


def _row(card: Card, score: EmotionScore, column: str) -> str:
    top = strongest(card, score, column)
    word = f"{html.escape(visible(card.text[top.start : top.stop]))} {number(top.quantile)}" if top else NONE_STRONG
    which = "number" if score.is_emotional else "number unread"
    numbers = f'<td class="number">{number(score.emotional)}</td><td class="{which}">{number_of_which(score)}</td>'
    return (
        f'<tr><th scope="row">{html.escape(score.emotion)}</th><td class="number">{score.layer}</td>{numbers}'
        f'<td dir="auto">{word}</td></tr>'
    )


def _text(card: Card, score: EmotionScore, column: str) -> list[str]:
    shown = []
    for part in parts_of(card, score, column):
        text = html.escape(visible(card.text[part.start : part.stop]))
        if part.is_outside:
            text = f'<b class="{_css(part.strength)}">{text}<sub>{number(part.quantile)}</sub></b>'
        elif part.sink:
            text = f'<span class="sink">{text}</span>'
        shown.append(text)
    return [f"<h3>{html.escape(score.emotion)}</h3>", f'<p class="text" dir="auto">{"".join(shown)}</p>']


def _css(strength: str) -> str:
    return strength.replace(" ", "-")
