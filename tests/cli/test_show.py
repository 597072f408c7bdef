"""`emo show`: the best layers of the report on one screen, and as rows."""

import csv
import io
import json

import pytest
from command import emo, emo_ok
from rich.cells import cell_len

from emotion_cli.cli.spark import BLOCKS, SIGNS, sparkline

CALM = ("--reference", "calm")


@pytest.fixture
def show(workplace):
    def run(*words, **changes):
        return emo("show", *words, "--store", workplace.store, **changes)

    return run


def test_its_numbers_are_those_of_the_queries(show, workplace):
    found = json.loads(show("tiny-gpt2", "--format", "json").out)
    best = json.loads(
        emo_ok("sql", "best_layers_by_emotion", "-m", "tiny-gpt2", "--store", workplace.store, "--format", "json").out
    )
    of_last = {row["emotion"]: row for row in best if row["pooling"] == "last" and row["method"] == "mean_difference"}
    assert {row["emotion"] for row in found} == set(of_last) == {"rage", "thanks"}
    for row in found:
        expected = of_last[row["emotion"]]
        assert (row["layer"], row["auroc"], row["chance"]) == tuple(expected[key] for key in ("layer", "auroc", "max_null_high"))
        assert len(row["auroc_by_layer"]) == 4 and (row["first_layer"], row["last_layer"]) == (0, 3)
        assert row["auroc_by_layer"][row["layer"]] == row["auroc"]
        assert row["verdict"] == ("above chance" if row["auroc"] > row["chance"] else "not above chance")


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_a_screen_fits_and_shows_each_emotion(show, columns):
    screen = show("tiny-gpt2", COLUMNS=str(columns)).out
    lines = screen.splitlines()
    assert max(map(cell_len, lines)) <= columns and len(lines) <= 24
    assert lines[0].startswith("tiny-gpt2, directions of mine") and "\x1b" not in screen
    assert (
        sum("best layer in training: " in line for line in lines) == 2
        and sum(BLOCKS[0] in line or BLOCKS[-1] in line for line in lines) == 2
    )


def test_each_model_has_its_screen_and_controls_have_none(show):
    titles = [line for line in show().out.splitlines() if ", directions of " in line]
    assert [title.split(",")[0] for title in titles] == ["tiny-gpt2", "tiny-neox", "tiny-wide"]


def test_rows_and_files(show, tmp_path):
    rows = list(csv.DictReader(io.StringIO(show("--format", "csv").out)))
    assert len(rows) == 6 and {row["model"] for row in rows} == {"tiny-gpt2", "tiny-neox", "tiny-wide"}
    assert show("tiny-gpt2", "-o", tmp_path / "found.csv").out == "" and (tmp_path / "found.csv").read_text().count("\n") == 3


def test_a_screen_without_unicode(workplace):
    ran = emo_ok("show", "tiny-gpt2", "--store", workplace.store, own_process=True, PYTHONIOENCODING="ascii")
    assert ran.out.isascii() and any(sign in ran.out for sign in SIGNS)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("tiny-gtp2",), 2, "did you mean tiny-gpt2?"),
        (("smollm2-135m",), 3, "smollm2-135m has no data in this store"),
        (("-e", "rgae"), 2, "did you mean rage?"),
        (("-e", "calm"), 2, "--emotion: 'calm' is not one of rage, thanks"),
        (("-d", "mien"), 2, "did you mean mine?"),
        (("--pooling", "lst"), 2, "did you mean last?"),
        (("--method", "mean_diference"), 2, "did you mean mean_difference?"),
        (("--reference", "clam"), 2, "did you mean calm?"),
        (("-o", "x.dat"), 2, "unknown ending '.dat'"),
    ],
    ids=str,
)
def test_wrong_values_are_refused(show, words, code, said):
    ran = show(*words)
    assert (ran.code, ran.out) == (code, "") and said in ran.err


def test_before_anything_is_measured(workplace, tmp_path):
    emo_ok("datasets", "import", workplace.prompts, "-d", "mine", "--store", tmp_path)
    ran = emo("show", "--store", tmp_path)
    assert ran.code == 3 and "no direction was measured yet" in ran.err and "emo vectors --best" in ran.plain


def test_sparklines():
    assert sparkline([0.5, 0.75, 1.0], 0.5, 1.0, 10) == "▁▅█"
    assert sparkline([0.2, None, 1.0], 0.5, 1.0, 10, blocks=SIGNS) == "_ #"
    # a bin shows its highest value
    assert sparkline([0.5, 1.0, 0.5, 0.5], 0.5, 1.0, 2) == "█▁"
    assert sparkline([], 0.5, 1.0, 5) == ""
    for n in range(1, 40):
        assert len(sparkline([0.6] * n, 0.5, 1.0, 7)) == min(n, 7)
