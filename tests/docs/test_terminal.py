"""What pages show of the terminal is what the terminal shows now."""

import json
import re
import shlex
from pathlib import Path

import pytest
from command import emo

from emotion_cli.cli.layout import Fit, lay_out
from emotion_cli.cli.show import BEST, CHANCE, FOLDS, screen_of
from emotion_cli.cli.spark import BLOCKS

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RULE = re.compile(r"-+(  -+)+")
WIDTH = 120
"""Columns of the terminal that pages show."""

FILES = {
    "plants.csv": None,  # as the page shows it
    "labels/joy.json": json.dumps({"prompts": ["So glad!", {"text": "What a day!", "topic": "day"}]}),
    "labels/neutral.json": json.dumps({"prompts": ["It is noon.", "A day has hours."]}),
    "bad.csv": "text,label,scene\nNot you again,gratitude,bus\n,anger,bus\nThe bus,neutral\nNot you again,anger,bus\nA bus,neutral,bus\n"
    "The stop,neutral,bus\nGo away,anger,bus\nOh no,anger,bus\n",
    "twins.csv": "text,label\na,joy\nb,joy\nc,Joy\nd,Joy\ne,neutral\nf,neutral\n",
}
"""The files that docs/own-prompts.md talks about."""


def commands(page: Path, program: str) -> list[tuple[str, str]]:
    """The commands of a program in the blocks of a page, and what they print."""
    shown = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            if command.startswith(f"{program} "):
                shown.append((command, output))
    return shown


def test_the_commands_of_own_prompts_print_what_the_page_shows(tmp_path):
    page = ROOT / "docs" / "own-prompts.md"
    ((_, plants),) = commands(page, "cat")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text or plants, encoding="utf-8")
    shown = commands(page, "emo")
    assert len(shown) == 5
    for command, output in shown:
        ran = emo(*shlex.split(command)[1:], cwd=tmp_path, COLUMNS=str(WIDTH))
        assert ran.out + ran.err == output, command


def test_the_recipes_are_those_of_the_page(tmp_path):
    ((command, output),) = commands(ROOT / "docs" / "recipes.md", "emo")
    assert emo(*shlex.split(command)[1:], cwd=tmp_path).out == output


def tables(page: Path) -> list[list[str]]:
    """The tables of a page as the lines of the terminal, header first; a value that is a number was printed as one."""
    found = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        lines = block.splitlines()
        for i, line in enumerate(lines):
            if RULE.fullmatch(line):
                rows = [
                    *lines[i - 1 : i + 1],
                    *(row for row in lines[i + 1 :] if not row.startswith(("error:", "next:", "all checks", "$ "))),
                ]
                found.append(rows[: next((n for n, row in enumerate(rows) if not row), len(rows))])
    return found


SHOWN = [(page, i) for page in PAGES for i in range(len(tables(page)))]


@pytest.mark.parametrize(("page", "i"), SHOWN, ids=lambda value: getattr(value, "stem", str(value)))
def test_tables_are_laid_out_as_the_terminal_does_it(page, i):
    lines = tables(page)[i]
    spans = [match.span() for match in re.finditer("-+", lines[1])]
    cells = [[line[start:end].strip() for start, end in spans] for line in lines]
    values = [[_value(cell) for cell in row] for row in _unwrapped(cells[2:])]
    assert lay_out(cells[0], values, Fit(WIDTH)) == lines


def _unwrapped(rows: list[list[str]]) -> list[list[str]]:
    """Rows without the lines that go on with the row above: NULL is written, so no other row begins with a blank."""
    whole: list[list[str]] = []
    for row in rows:
        if row[0]:
            whole.append(row)
        else:
            whole[-1] = [f"{above} {cell}".strip() for above, cell in zip(whole[-1], row, strict=True)]
    return whole


def _value(cell: str) -> object:
    if cell == "NULL":
        return None
    try:
        return float(cell) if not cell.isdecimal() else int(cell)
    except ValueError:
        return cell


def test_the_screen_of_the_tutorial_is_drawn_as_emo_show_does_it():
    ((_, screen),) = [shown for shown in commands(ROOT / "docs" / "tutorial.md", "emo") if shown[0].startswith("emo show")]
    lines = screen.splitlines()
    model, dataset, method, reference, pooling = re.fullmatch(
        r"(.*), directions of (.*) \((.*), reference (.*), pooling (.*)\)", lines[0]
    ).groups()
    rows = []
    for line in lines[3:]:
        if match := re.fullmatch(r"(\w+), best layer in training: (\d+)", line):
            emotion, layer = match[1], int(match[2])
            continue
        test_set, auroc, words, chance, curve, verdict = re.split(r"  +", line.strip())
        rows.append(
            {
                "model": model,
                "dataset": dataset,
                "method": method,
                "reference": reference,
                "pooling": pooling,
                "emotion": emotion,
                "layer": layer,
                "test_set": None if test_set == FOLDS else test_set,
                "auroc": float(auroc),
                "words": float(words),
                "chance": float(chance),
                "verdict": verdict,
                # the middle of what each block stands for
                "auroc_by_layer": [CHANCE + (BEST - CHANCE) * (BLOCKS.index(block) + 0.5) / len(BLOCKS) for block in curve],
            }
        )
        assert auroc > chance if verdict != "not above chance" else auroc <= chance
    assert len(rows) == 9 and screen_of(rows, WIDTH, BLOCKS) == lines


def test_every_page_with_a_table_is_looked_at():
    assert {page.stem for page, _ in SHOWN} >= {"tutorial", "own-model", "own-prompts", "removing"}
