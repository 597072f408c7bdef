"""What docs/seed-numbers.md computes from the report's numbers is what they give."""

import re
from pathlib import Path

import numpy as np
import pytest

from emotion_cli.measures.between import raw_cosine

PAGE = (Path(__file__).parents[2] / "docs" / "seed-numbers.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
WITHIN = [[float(cell) for cell in row[2:]] for row in ROWS if len(row) == 6 and row[2][0].isdigit()]
CROSS = [[float(cell) for cell in row[3:]] for row in ROWS if len(row) == 8 and re.match(r"-?\d", row[3])]
CHANCE = 768**-0.5


def test_all_numbers_of_the_report_are_there():
    assert (len(WITHIN), len(CROSS)) == (9, 18)


def test_distances_from_equidistance():
    for baseline, from_a, extended, from_b in WITHIN:
        assert (from_a, from_b) == pytest.approx((baseline - 0.5, extended - 0.5), abs=1e-9)
    assert max(abs(row[0] - row[2]) for row in WITHIN) == pytest.approx(0.0290, abs=1e-9)
    assert f"sqrt(0.7) = {0.7**0.5:.4f}" in PAGE


def test_chance_between_models():
    low, high = raw_cosine(np.eye(768)[0], np.eye(768)[1]).null[1:3]
    assert f"within {high:.4f} of 0" in PAGE and f"= {CHANCE:.4f}" in PAGE
    average, std, least, most, extreme = np.array(CROSS).T
    assert (least > low).all() and (most < high).all()
    np.testing.assert_allclose(extreme, np.maximum(abs(least), abs(most)) / CHANCE, atol=0.005)
    assert f"from {least.min():.6f} to {most.max():.6f}" in PAGE and f"{extreme.max():.2f} chance standard" in PAGE
    assert f"between {average.min():.6f} and {average.max():.6f}" in PAGE
    assert f"({std.min():.6f} to {std.max():.6f})" in PAGE and (std < CHANCE).all()


def test_recipes_on_their_page_are_those_that_are_there():
    from emotion_cli.recipes import shipped

    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    for recipe in shipped().values():
        assert f"| {recipe.name} | ships |" in page and recipe.about in page
    for name, value in shipped()["report"].values.items():
        assert f"`{name}`" in page and f"`{value[0] if isinstance(value, list) else value}`" in page
