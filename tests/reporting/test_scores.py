"""Scored texts as people and programs read them: parts, marks, pages, and the bytes of each format."""

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_cli.cli import score
from emotion_cli.cli.console import Console
from emotion_cli.cli.options import Start
from emotion_cli.cli.output import Rows
from emotion_cli.cli.score import WRITERS, ScoreFormat
from emotion_cli.job.score_cards import word_spans
from emotion_cli.reporting.scores.card import About, Card, EmotionScore, Part, TokenScore, number, parts_of, strongest, visible
from emotion_cli.reporting.scores.page import page
from emotion_cli.reporting.scores.plain import marked

GOLDEN = Path(__file__).parent / "golden_scores"
ENDINGS = {format: "txt" if format is ScoreFormat.table else format.value for format in ScoreFormat}
ABOUT = About("a <model>", "mine", "last", "calm", "which")


def token(position, characters, which, *, sink=False, emotional=0.5):
    return TokenScore(position, characters, None if sink else emotional, None if sink else which, 0.25, -1.5, sink)


THANKS = "Thank you & <Tom>\n=ok 👍🏽"
TOKENS = [
    token(1, (0, 5), None, sink=True),
    token(2, (5, 9), 0.98),
    token(3, (9, 11), 0.5),
    token(4, (11, 13), 0.01),
    token(5, (13, 16), 0.9996),
    token(6, (16, 17), 0.6),
    token(7, (17, 18), 0.3),
    token(8, (18, 21), 0.4),
    token(9, (21, 23), 0.001),
    token(10, (22, 23), 0.7),
    token(11, (23, 24), 0.003),
    token(12, None, 0.999),
]
CARDS = [
    Card(
        "text",
        THANKS,
        word_spans(THANKS),
        [EmotionScore("joy", 7, 0.995, None, TOKENS), EmotionScore("rage", 12, 0.1, 0.2, TOKENS)],
    ),
    Card(
        "\x1b[31mid",
        "ありがとう",
        word_spans("ありがとう"),
        [EmotionScore("joy", 7, 0.5, 0.5, [token(1, (0, 3), 0.99), token(2, (3, 5), 0.2)])],
    ),
]


@pytest.mark.parametrize("format", ScoreFormat)
def test_golden_bytes(format, tmp_path):
    file = tmp_path / "out"
    quiet = Console(quiet=True)
    WRITERS[format](Start({}, quiet, Rows(None, None, formulas=False, note=quiet.note)), ABOUT, CARDS, file)
    assert file.read_bytes() == (GOLDEN / f"scores.{ENDINGS[format]}").read_bytes()


@st.composite
def cards(draw):
    text = draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=25))
    ends = sorted(draw(st.sets(st.integers(1, len(text)), max_size=8)) | {len(text)})
    spans = list(zip([0, *ends[:-1]], ends, strict=True))
    # tokens that hold a few bytes of one character
    spans = [span for span in spans for _ in range(draw(st.integers(1, 2)) if span[1] - span[0] == 1 else 1)]
    numbers = st.none() | st.floats(0.001, 0.999)
    tokens = [token(i + 1, span, draw(numbers), sink=draw(st.booleans())) for i, span in enumerate(spans)]
    return Card("a", text, word_spans(text), [EmotionScore("joy", 1, 0.5, 0.5, tokens)])


@given(cards())
def test_parts_are_the_whole_text_once_and_in_order(card):
    (score,) = card.scores
    parts = parts_of(card, score, "which")
    assert "".join(card.text[part.start : part.stop] for part in parts) == card.text
    assert all(part.start < part.stop for part in parts)
    for part in parts:
        # a part with a number has it from one of its tokens
        members = [one.which for one in score.tokens if one.characters[0] < part.stop and part.start < one.characters[1]]
        assert part.quantile is None or part.quantile in members
    # no word is divided
    edges = {part.start for part in parts}
    assert all(not any(start < edge < stop for edge in edges) for start, stop in card.words)


@given(cards())
def test_a_page_says_the_text_and_nothing_of_it_is_markup(card):
    class Texts(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found, self.inside, self.tags = [], 0, set()

        def handle_starttag(self, tag, attrs):
            self.tags.add(tag)
            if ("class", "text") in attrs:
                self.found.append("")
                self.inside = 1
            elif tag == "sub":
                self.inside = 0

        def handle_endtag(self, tag):
            self.inside = 1 if tag == "sub" else 0 if tag == "p" else self.inside

        def handle_data(self, data):
            if self.inside:
                self.found[-1] += data

    reader = Texts()
    reader.feed(page([card], ABOUT))
    assert reader.found == [visible(card.text)]
    assert reader.tags <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "h3",
        "p",
        "b",
        "span",
        "sub",
        "table",
        "tr",
        "th",
        "td",
    }


def test_each_colour_of_a_page_has_its_number_beside_it():
    found = page(CARDS, ABOUT)
    shown = found[found.index("<h2>") :]
    assert len(re.findall(r'<b class="[a-z-]+">', shown)) == len(re.findall(r"<sub>0\.\d{3}</sub></b>", shown)) > 3
    assert "http" not in found and "<script" not in found and "src=" not in found


def test_words_are_whole_in_any_script():
    text = "Don't cafe\u0301! ありがとう 👩\u200d👧 👍🏽🇩🇪"
    spans = word_spans(text)
    assert [
        text[start:stop] for start, stop in spans if text[start:stop] in ("Don't", "cafe\u0301", "が", "👩\u200d👧", "👍🏽", "🇩🇪")
    ] == [
        "Don't",
        "cafe\u0301",
        "が",
        "👩\u200d👧",
        "👍🏽",
        "🇩🇪",
    ]


def test_marks_without_colour():
    assert marked(CARDS[0], CARDS[0].scores[0], "which") == "~Thank~ [you]0.980 & [<]0.010[Tom]0.999>\n=ok [👍🏽]0.001"


def test_the_strongest_word_is_the_first_with_the_highest_number():
    assert strongest(CARDS[0], CARDS[0].scores[0], "which") == Part(13, 16, 0.9996, sink=False)
    assert strongest(CARDS[0], CARDS[0].scores[1]._replace(tokens=TOKENS[:1]), "which") is None


def test_controls_are_shown_not_obeyed():
    assert visible("a\x1b[31m\x00\x7f\x9b\n\t") == "a␛[31m␀␡\\x9b\n\t"


@given(st.floats(0, 1))
def test_a_share_is_never_rounded_to_certainty(value):
    assert number(value) not in ("0.000", "1.000") and abs(float(number(value)) - value) <= 0.00101


def test_json_lines_are_the_rows_of_json():
    lines = (GOLDEN / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    assert list(map(json.loads, lines)) == json.loads((GOLDEN / "scores.json").read_text(encoding="utf-8"))
    for line in map(json.loads, lines):
        assert all(one["token"] == line["text"][one["start"] : one["stop"]] for one in line["tokens"] if one["token"])


def test_a_terminal_gets_colours_and_the_whole_text(monkeypatch):
    monkeypatch.setattr(score, "_colours", lambda: "truecolor")
    shown = score._coloured(CARDS[0], CARDS[0].scores[0], "which")
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == CARDS[0].text
    assert re.search(r"\x1b\[30;48;2;251;217;184myou\x1b\[0m", shown)  # black on orange
    assert re.search(r"\x1b\[2mok\x1b\[0m|\x1b\[2m.*ok", shown)  # grey inside the band


def test_colours_are_not_used_where_they_are_not_wanted(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdout", Terminal())
    for name, value in {"TERM": "xterm-256color", "COLORTERM": "truecolor"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    assert score._colours() == "truecolor"
    monkeypatch.setenv("NO_COLOR", "1")
    assert score._colours() is None
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert score._colours() is None


def test_a_terminal_that_does_not_know_a_character_gets_its_escape(monkeypatch):
    latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", latin)
    score._Lines(None).write(["naïve 😀"])
    assert latin.buffer.getvalue() == b"na\xefve \\U0001f600\n"
