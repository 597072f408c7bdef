"""What stderr says of work under way: a bar on a terminal, lines elsewhere, nothing under --quiet."""

import re

import pytest

from emotion_cli.cli import console
from emotion_cli.cli.console import Console


@pytest.fixture(params=["terminal", "pipe"])
def place(request, monkeypatch):
    monkeypatch.setattr(console, "SECONDS_BETWEEN_LINES", -1)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TTY_COMPATIBLE", "1" if request.param == "terminal" else "0")
    return request.param


def told(capsys):
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", capsys.readouterr().err)


def test_prompts_and_tokens_are_counted(place, capsys):
    with Console().progress("mine", 6, 60) as advance:
        advance(2, 20)
        advance(4, 40)
    said = told(capsys)
    if place == "terminal":
        assert "mine" in said and "100%" in said and "6 of 6 prompts, " in said and "prompts/s" in said
    else:
        first, last = said.splitlines()
        assert first.startswith("mine: 2 of 6 prompts, ") and "tokens/s" in first and first.endswith(" s left")
        assert last.startswith("mine: 6 prompts, 60 tokens in ")


def test_rows_are_counted(place, capsys):
    with Console().rows("mine", 3000) as advance:
        advance(2000)
        advance(1000)
    said = told(capsys)
    if place == "terminal":
        assert "100%" in said and "3,000 of 3,000 rows" in said
    else:
        (line,) = said.splitlines()
        assert line.startswith("mine: 2,000 of 3,000 rows, ") and line.endswith(" s left")


def test_quiet_says_nothing_of_it(place, capsys):
    with Console(quiet=True).progress("mine", 6, 60) as advance, Console(quiet=True).rows("mine", 3) as add:
        advance(2, 20)
        add(1)
    assert told(capsys) == ""
