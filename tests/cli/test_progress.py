"""Progress: a bar on a terminal, lines elsewhere, nothing when quiet, and no line for short work."""

import re

import pytest

from emotion_cli.cli import console
from emotion_cli.cli.console import Console


def work(shown):
    with shown.progress("mine, [red]m", prompts=4, tokens=1200) as advance:
        advance(1, 300)
        advance(3, 900)
    with shown.progress("reading", rows=2000) as advance:
        advance(1500)
        advance(500)


def test_lines_say_how_far_the_work_is(monkeypatch, capsys):
    monkeypatch.setattr(console, "SECONDS_BETWEEN_LINES", -1)
    work(Console())
    lines = [re.sub(r"[\d,.]+(?= (\w+/s|s))", "N", line) for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "mine, [red]m: 1 of 4 prompts, N prompts/s, N tokens/s, N s left",
        "mine, [red]m: 4 prompts, 1,200 tokens in N s, N prompts/s, N tokens/s",
        "reading: 1,500 of 2,000 rows, N rows/s, N s left",
        "reading: 2,000 rows in N s, N rows/s",
    ]


@pytest.mark.parametrize("quiet", [False, True], ids=["short", "quiet"])
def test_short_work_and_quiet_say_nothing(quiet, capsys):
    work(Console(quiet=quiet))
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "150")
    work(Console())
    screen = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "mine, [red]m ━" in screen and "100%" in screen and "4 of 4 prompts" in screen and "reading ━" in screen


def test_an_error_ends_the_bar(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    shown = Console()
    with pytest.raises(ZeroDivisionError), shown.progress("x", parts=2):
        raise ZeroDivisionError
    with shown.progress("y", parts=1) as advance:
        advance(1)
    assert capsys.readouterr().err.count("\x1b[?25h") == 2  # the cursor is back


def test_all_work_says_how_many_tasks_and_how_long(monkeypatch, capsys):
    """Time left goes by the seconds that tasks are expected to take, not by their number, and the end says nothing."""
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    with Console().whole(3, 40) as advance:
        for seconds, expected in ((10, 1), (20, 9), (100, 30)):
            clock[0] += seconds
            advance(1, expected)
    # 10 s for 1 of 40 is too soon for a line; 30 s for 10 of 40 leave 90 s
    assert capsys.readouterr().err.splitlines() == ["all: 2 of 3 tasks, 90 s left"]


def test_lines_of_all_work_come_whatever_else_is_said(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    shown = Console()
    with shown.whole(4, 4) as advance:
        for _ in range(4):
            clock[0] += 16
            shown.note("a task")
            advance(1, 1)
    assert [line for line in capsys.readouterr().err.splitlines() if line != "a task"] == [
        "all: 1 of 4 tasks, 48 s left",
        "all: 2 of 4 tasks, 32 s left",
        "all: 3 of 4 tasks, 16 s left",
    ]


def test_a_terminal_shows_all_work_above_its_parts_in_one_display(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "150")
    shown = Console()
    with shown.whole(2, 2) as advance:
        work(shown)
        advance(1, 1)
    err = capsys.readouterr().err
    assert "1 of 2 tasks" in err and "4 of 4 prompts" in err
    assert err.count("\x1b[?25h") == 1
