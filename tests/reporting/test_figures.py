"""Figures: honest axes, labels that say what is drawn, and the same bytes from the same rows."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from emotion_cli.reporting import figures
from emotion_cli.reporting.figures import within_model

NORMS = [
    {
        "model": model,
        "emotion": emotion,
        "layer": layer,
        "relative_depth": layer / 4,
        "l2_norm": 1.0 + layer,
        "relative_norm": 0.1 * layer,
    }
    for model in ("m1", "m2")
    for emotion in ("joy", "rage")
    for layer in range(5)
]
WITHIN = [
    {
        "emotion_a": "joy",
        "emotion_b": b,
        "layer": layer,
        "cosine_similarity": None if layer == 0 else sign * 0.2 * layer,
        "equidistance": 0.5,
        "null_low": -0.3,
        "null_high": 0.6,
        "mean_cosine_similarity": sign * 0.5,
        "unbiased_cosine": None if layer == 0 else sign * 0.25 * layer,
        "ci_low": -0.9,
        "ci_high": None if layer == 1 else 1.2,
        "verdict": (
            None,
            "no direction shown",
            "undecided",
            "as similar as their shared reference makes them",
            "more similar than their shared reference makes them",
        )[layer],
    }
    for b, sign in (("rage", -1), ("s$hame_", 1))
    for layer in range(5)
]
CROSS = [
    {"model_a": "m1", "model_b": "m2", "layer": layer, "cosine_similarity": 0.01 * layer, "chance_stddev": 0.036}
    for layer in range(5)
]
QUALITY = [
    {
        "emotion": emotion,
        "layer": layer,
        "auroc": 0.2 * layer if layer else None,
        "auroc_ci_low": 0.15 * (layer or 0),
        "auroc_ci_high": 0.9,
        "auroc_null_low": 0.4,
        "auroc_null_high": 0.6,
        "auroc_surface": 0.5,
        "auroc_words": 0.75 if emotion == "joy" else 0.85,
        "split_half": -0.2,
        "verdict": (None, "no direction shown", "too few topics to tell", "a direction", "a direction", None)[
            5 if layer is None else layer
        ],
        "split_half_null_high": None if layer == 0 else 0.3,
    }
    for emotion in ("joy", "rage")
    for layer in (*range(5), None)
]
TEST_SETS = [
    {
        "emotion": emotion,
        "layer": layer,
        "test_set": name,
        "auroc": 0.15 * layer if layer else None,
        "auroc_ci_low": 0.1 * (layer or 0),
        "auroc_ci_high": 0.9,
        "auroc_words": None if name == "letters" else 0.6,
    }
    for name in ("letters", "re$views_")
    for emotion in ("joy", "rage")
    for layer in (*range(5), None)
]
CONSENSUS = [
    {
        "model": model,
        "emotion": emotion,
        "layer": layer,
        "consensus_rank": None if layer is None else layer // 2,
        "x": None if layer in (0, None) else 0.1 * layer,
        "y": -0.2,
    }
    for model in ("m1", "m2", "m3")
    for emotion in ("joy", "s$hame_")
    for layer in (0, 2, 4, 6, None)
]
DRAWN = {
    "consensus": lambda: figures.consensus(CONSENSUS, "title"),
    "consensus of nothing": lambda: figures.consensus([], "title"),
    "direction_quality": lambda: figures.direction_quality(QUALITY, "title"),
    "test_sets": lambda: figures.test_sets(TEST_SETS, "title"),
    "layer_norms": lambda: figures.layer_norms(NORMS[:10], "title"),
    "emotion_distances": lambda: figures.emotion_distances(WITHIN, "title"),
    "similarity_heatmap": lambda: figures.similarity_heatmap([row for row in WITHIN if row["layer"] == 1], "title"),
    "cross_model": lambda: figures.cross_model(CROSS, NORMS, "title"),
    "cross_model without equal widths": lambda: figures.cross_model([], NORMS, "title"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_rows_give_the_same_files(name):
    first, second = DRAWN[name](), DRAWN[name]()
    assert first == second
    assert set(first) == {"png", "svg"}
    assert first["png"].startswith(b"\x89PNG")
    assert ElementTree.fromstring(first["svg"]).tag.endswith("svg")


def texts(svg: bytes) -> set[str]:
    # text is drawn as paths; matplotlib keeps each one's words in a comment
    return set(re.findall(r"<!-- (.*?) -->", svg.decode()))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "layer_norms",
            {"title", "joy", "rage", "L2 norm of the emotion vector", "layer (decoder blocks applied)", "embeddings"},
        ),
        ("emotion_distances", {"joy and rage", "joy and s$hame_", "cosine similarity", "unbiased cosine"}),
        ("similarity_heatmap", {"0.500", "1.000", "no direction shown", "hatched: neither more nor less similar"}),
        (
            "direction_quality",
            {
                *("joy", "rage", "AUROC", "split-half reliability"),
                *("0.50: final character, number of words and first word alone", "0.85: words alone"),
            },
        ),
        ("consensus", {"m1", "m2", "m3", "joy", "s$hame_", "layers 2, 2, 2", "layers 4, 4, 4", "layers 6, 6, 6"}),
        ("cross_model", {"m1 and m2", "raw cosine at the same layer", "grey: 95 % of the cosines of unrelated directions"}),
        ("cross_model without equal widths", {"m1", "m2", "the models' widths differ: their raw cosine is not defined"}),
    ],
)
def test_what_is_written_on_them(name, words):
    assert words <= texts(DRAWN[name]()["svg"]) | {word for text in texts(DRAWN[name]()["svg"]) for word in text.split("\n")}


def test_negative_cosines_and_null_bands_are_not_cut(monkeypatch):
    drawn = []
    original = within_model.saved
    monkeypatch.setattr(within_model, "saved", lambda figure: drawn.append(figure) or original(figure))
    DRAWN["emotion_distances"]()
    low, high = drawn[0].axes[0].get_ylim()
    assert low <= -0.8 and high >= 1.0
    assert any(0.5 in line.get_ydata() for line in drawn[0].axes[0].lines)
