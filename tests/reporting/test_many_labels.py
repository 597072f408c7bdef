"""Reports and figures of many labels stay short: both ends are shown, and what most have is said once."""

from itertools import combinations

import pytest

from emotion_cli.reporting import figures
from emotion_cli.reporting.report.blocks import Paragraph, plain
from emotion_cli.reporting.report.language import language
from emotion_cli.reporting.report.sections.ends import AT_AN_END, MOST_LISTED, at_ends, labels_listed, left_out


def _rows(n, model="m"):
    return [{"model": model, "emotion": f"e{i:03d}", "auroc": (7 * i % n) / n if i else None} for i in range(n)]


def test_few_directions_are_listed_as_they_are_and_of_many_both_ends():
    few, many = _rows(MOST_LISTED, "few"), _rows(MOST_LISTED + 3, "many")
    shown = at_ends([*few, *many], ("model",), "auroc")
    assert shown[: len(few)] == few
    ends, values = shown[len(few) :], sorted((row["auroc"] for row in many if row["auroc"] is not None), reverse=True)
    assert [row["auroc"] for row in ends] == [*values[:AT_AN_END], *values[-AT_AN_END:]]


@pytest.mark.parametrize("name", ["en", "ja"])
def test_what_is_left_out_is_said(name):
    words = language(name)
    assert [*left_out(_rows(MOST_LISTED), ("model",), words)] == []
    (note,) = left_out(_rows(170), ("model",), words)
    assert isinstance(note, Paragraph) and note.is_note
    assert "24" in plain(note.text) and "170" in plain(note.text)
    assert labels_listed(["a", "b"], words) == words.listed(["a", "b"])
    assert labels_listed(map(str, range(171)), words).startswith("171")


@pytest.mark.parametrize("n", [40, 41])
def test_the_heat_map_of_many_labels_does_not_mark_what_most_pairs_have(n):
    rows = [
        {"emotion_a": f"e{a:02d}", "emotion_b": f"e{b:02d}", "equidistance": 0.5, "mean_unbiased_cosine": 0.5}
        | {"ci_low": 0.1, "ci_high": 0.9, "verdict": "undecided" if a else "less similar than their reference makes them"}
        for a, b in combinations(range(n), 2)
    ]
    drawn = figures.similarity_heatmap(rows, "m", "v")
    markers = {
        marker: sum(len(line.get_xdata()) for line in drawn.panels[0].axes.lines if line.get_marker() == marker)
        for marker in "ov"
    }
    is_many = n > 40
    assert markers == {"o": 0 if is_many else (n - 1) * (n - 2) // 2, "v": n - 1}
    assert ("no symbol: undecided" in {entry.meaning for entry in drawn.key}) == is_many
