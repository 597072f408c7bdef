"""Figures: nothing overlaps, nothing is lost, and the same bytes from the same rows, for 1 to 28 labels and 1 to 8 models."""

import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.text import Text

from emotion_cli.reporting import figures
from emotion_cli.reporting.figures import fonts, theme
from emotion_cli.reporting.figures.marks import mark_of
from emotion_cli.reporting.figures.sheet import Sheet
from emotion_cli.reporting.figures.svg import DARK
from tests.helpers import figure_rows
from tools.picture import PICTURE

LONG = ("a label of many words that goes on and on", "Schadenfreude-Weltschmerz-Fernweh-Donaudampfschiff", "joy", "$a_b^c$ & <i>")
CASES = {
    "1 label, 1 model": (figure_rows.GO_EMOTIONS[:1], figure_rows.MODELS[:1]),
    "2 labels, 2 models": (figure_rows.GO_EMOTIONS[:2], figure_rows.MODELS[:2]),
    "4 labels, 4 models": (figure_rows.GO_EMOTIONS[:4], figure_rows.MODELS[:4]),
    "6 labels, 3 models": (figure_rows.GO_EMOTIONS[:6], figure_rows.MODELS[:3]),
    "12 labels, 4 models": (figure_rows.GO_EMOTIONS[:12], figure_rows.MODELS[:4]),
    "28 labels, 8 models": (figure_rows.GO_EMOTIONS, figure_rows.MODELS),
    "long labels": (LONG, figure_rows.MODELS[:3]),
    "Japanese labels": (figure_rows.JAPANESE, figure_rows.MODELS[:3]),
}
DRAWN = [(case, name) for case, of_case in CASES.items() for name in figure_rows.sheets(*of_case)]
WIDEST = 12
"""Inches: a wider figure has letters that are too small on a page."""


def sheet(case: str, name: str) -> Sheet:
    return figure_rows.sheets(*CASES[case])[name]()


@pytest.mark.parametrize(("case", "name"), DRAWN)
def test_no_text_overlaps_another_or_leaves_the_figure(case, name):
    figure = sheet(case, name).figure()
    boxes = [
        (text.get_text(), text.get_window_extent()) for text in figure.findobj(Text) if text.get_text() and text.get_visible()
    ]
    assert len(boxes) > 5 and figure.get_size_inches()[0] < WIDEST
    for text, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (text, a), (other, b) in combinations(boxes, 2):
        # the box of a line is higher than its letters: lines may share a pixel
        width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert width <= 1 or height <= 1.5, (text, other)


@pytest.mark.parametrize("name", figure_rows.sheets(*CASES["4 labels, 4 models"]))
def test_the_same_rows_give_the_same_files(name):
    first, second = (sheet("4 labels, 4 models", name).files() for _ in range(2))
    assert first == second and set(first) == {"png", "svg"}
    assert first["png"].startswith(b"\x89PNG")
    root = ElementTree.fromstring(first["svg"])
    assert root.tag.endswith("svg") and b"<!DOCTYPE" not in first["svg"]


@pytest.mark.parametrize(
    ("case", "name"), [(case, name) for case, name in DRAWN if case in ("1 label, 1 model", "28 labels, 8 models")]
)
def test_a_figure_says_what_it_is(case, name):
    drawn = sheet(case, name)
    said = figures.described(drawn.files()["svg"])
    assert said == drawn.description and said.kind == name
    assert said.title.endswith("gemma3-270m, extended") and said.caption == figures.CAPTIONS[name].text(many=drawn.many)


def test_every_caption_has_its_parts_in_short_sentences():
    assert set(figures.CAPTIONS) == set(figure_rows.sheets(*CASES["4 labels, 4 models"]))
    for kind, caption in figures.CAPTIONS.items():
        assert caption.sees and caption.nothing, kind
        for text in (caption.text(), caption.text(many=True)):
            assert all(len(sentence.split()) <= 30 for sentence in re.split(r"(?<=[.?]) ", text)), kind


def test_the_picture_of_the_readme_is_a_figure_of_this_version_and_small():
    svg = PICTURE.read_bytes()
    said = figures.described(svg)
    assert said.kind == "test_sets" and said.caption == figures.CAPTIONS["test_sets"].text() and len(svg) < 60_000
    assert svg.split(b"<style>")[1].split(b"</style>")[0].decode() == DARK


def test_a_file_that_is_no_figure_has_no_description():
    with pytest.raises(ValueError, match="no title and no caption"):
        figures.described(b"<svg></svg>")


GAPS = [
    {
        "emotion": "joy",
        "layer": layer,
        "cosine_unbiased": value,
        "ci_low": low,
        "ci_high": high,
        "null_low": null,
        "null_high": null and 0.3,
    }
    | {"verdict": verdict}
    for layer, (value, low, high, null, verdict) in enumerate(
        [
            (None, None, None, None, None),
            (0.5, 0.4, 0.6, -0.3, "not shown to be alike"),
            (0.5, None, None, None, "not shown to be alike"),
            (0.9, 0.85, 0.95, -0.3, "the same direction"),
            (0.5, None, None, None, None),
            (0.5, -9.0, 9.0, None, "a similar direction, not shown to be the same"),
        ]
    )
]


def artists(drawn: Sheet, kind: type) -> list:
    drawn.figure()
    return [artist for panel in drawn.panels for artist in panel.axes.findobj(kind)]


def test_an_interval_between_undefined_ones_is_drawn_and_a_cut_one_is_marked():
    drawn = figures.dataset_shift(GAPS, "m", "v")
    # the bars are the lines in data coordinates; grid and ticks are in those of the axes
    bars = [b for b in artists(drawn, LineCollection) if b.get_transform().contains_branch(drawn.panels[0].axes.transData)]
    bars = [segment for collection in bars if collection.get_alpha() for segment in collection.get_segments()]
    assert [segment[0][0] for segment in bars] == [1, 3, 5]
    assert bars[0][:, 1].tolist() == [0.4, 0.6] and bars[1][:, 1].tolist() == [0.85, 0.95]
    low, high = drawn.panels[0].axes.get_ylim()
    cut = [line for line in drawn.panels[0].axes.lines if line.get_marker() in ("v", "^")]
    assert sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in cut) == [(5, low), (5, high)]
    assert "goes on beyond the figure" in [entry.meaning for entry in drawn.key]


def test_a_value_without_interval_is_hollow_and_one_that_is_not_defined_has_a_dash():
    drawn = figures.dataset_shift(GAPS, "m", "v")
    axes = drawn.panels[0].axes
    points = {line.get_markerfacecolor(): list(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"}
    assert points == {theme.GROUND.light: [2, 4], theme.SERIES[0].light: [1, 3, 5]}
    assert [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "_"] == [[0]]
    assert {"no interval is defined", "not defined", "the same direction"} <= {entry.meaning for entry in drawn.key}


def test_a_null_at_a_single_layer_is_shaded_there():
    (band,) = artists(figures.dataset_shift(GAPS, "m", "v"), PolyCollection)
    spans = [sorted({float(x) for x, _ in path.vertices}) for path in band.get_paths()]
    assert spans == [[0.5, 1.5], [2.5, 3.5]]
    assert all({round(float(y), 6) for _, y in path.vertices} == {-0.3, 0.3} for path in band.get_paths())


def test_the_heat_map_is_a_lower_triangle_centred_on_equidistance_with_interval_and_verdict():
    values = {("a", "b"): 0.5, ("a", "c"): 0.9, ("b", "c"): None}
    rows = [
        {"emotion_a": a, "emotion_b": b, "equidistance": 0.5, "mean_unbiased_cosine": value, "ci_low": value, "ci_high": value}
        | {"verdict": "undecided" if b == "b" else None}
        for (a, b), value in values.items()
    ]
    drawn = figures.similarity_heatmap(rows, "m", "v")
    (image, _) = (axes.get_images()[0].get_array() for axes in drawn.figure().axes)
    assert image.shape[:2] == (2, 2)
    white, red, outside, undefined = image[0, 0], image[1, 0], image[0, 1], image[1, 1]
    assert min(white[:3]) > 240 and white[3] == 255
    assert red[0] > 1.5 * red[1] and outside[3] == 0 and undefined[3] == 0
    said = {text.get_text() for text in drawn.figure().findobj(Text)}
    assert {"0.50", "0.50 to 0.50", "0.90", "not defined", "undecided"} <= said


def test_a_direction_that_tells_more_than_words_is_full_and_is_counted_where_many_share_a_line():
    gains = {"a": (0.2, 0.1, 0.3, True), "b": (0.1, -0.1, 0.3, False), "c": (0.0, None, None, None)}
    rows = [
        {
            "dataset": "d",
            "model": "m",
            "emotion": emotion,
            "test_set": "t",
            "gain": gain,
            "gain_ci_low": low,
            "gain_ci_high": high,
        }
        | {"more_than_words": more}
        for emotion, (gain, low, high, more) in gains.items()
    ]
    (panel,) = figures.more_than_words(rows, "m", "v").panels
    points = {tuple(line.get_xdata()): line.get_markerfacecolor() for line in panel.axes.lines if line.get_marker() in "oD"}
    assert points == {(0.2,): theme.SERIES[0].light, (0.1,): "none", (0.0,): "none"}
    bars = [segment[:, 0].tolist() for collection in panel.axes.collections for segment in collection.get_segments()]
    assert bars == [[0.1, 0.3], [-0.1, 0.3]]
    many = [{**row, "emotion": f"{row['emotion']}{i}"} for row in rows for i in range(9)]
    (panel,) = figures.more_than_words(many, "m", "v").panels
    assert [text.get_text() for text in panel.axes.texts] == ["9 of 27"] and [name for _, name in panel.y_ticks] == ["m"]


def test_pairs_that_are_not_drawn_are_counted():
    drawn = sheet("28 labels, 8 models", "emotion_similarity")
    assert len(drawn.panels[0].y_ticks) == 24 and drawn.notes[0].startswith("24 of 378 pairs")
    rows = [row for row in figure_rows.within(figure_rows.GO_EMOTIONS) if row["layer"] is not None]
    means: dict[str, list[float]] = {}
    for row in rows:
        known = row["unbiased_cosine"] is not None and row["verdict"] != "no direction shown"
        means.setdefault(f"{row['emotion_a']} and {row['emotion_b']}", []).append(row["unbiased_cosine"] if known else None)
    mean = {
        pair: sum(v for v in values if v is not None) / sum(v is not None for v in values)
        for pair, values in means.items()
        if any(v is not None for v in values)
    }
    ordered = sorted(mean, key=lambda pair: -mean[pair])
    assert [label for _, label in drawn.panels[0].y_ticks] == [*ordered[:12], *ordered[-12:]]


@pytest.mark.parametrize(
    "verdicts", [figure_rows.SIMILAR, figure_rows.ALIGNED, figure_rows.SHIFTED, ("no direction shown", "too few topics to tell")]
)
def test_each_verdict_of_a_figure_has_a_symbol_of_its_own(verdicts):
    assert len({mark_of(verdict) for verdict in verdicts}) == len(verdicts) and mark_of(verdicts[0]).marker != "1"


def test_two_figures_in_a_page_share_no_name_and_use_only_their_own():
    svgs = [sheet("4 labels, 4 models", name).files()["svg"].decode() for name in ("aligned_cosine", "transfer_auroc")]
    names = [re.findall(r' id="([^"]*)"', svg) for svg in svgs]
    assert all(len(set(of_figure)) == len(of_figure) for of_figure in names)
    assert not set(names[0]) & set(names[1])
    for svg, of_figure in zip(svgs, names, strict=True):
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', svg)) | set(
            re.search(r'labelledby="([^"]*)"', svg)[1].split()
        ) == set(of_figure)


def test_a_marker_takes_its_colour_from_where_it_is_used():
    """Browsers apply no rule of `.emo-figure` to what `<use>` shows, so that a colour there would stay light."""
    svg = sheet("4 labels, 4 models", "aligned_cosine").files()["svg"].decode()
    shown = re.findall(r'<defs>\s*<path id="[^"]*" d="[^"]*"([^<>]*)/>', svg)
    assert len(shown) > 5 and not any("style" in rest for rest in shown)
    assert all("stroke:#" in style for style in re.findall(r'<g[^<>]*style="([^"]*)">\s*<use', svg))


def test_text_stays_text_and_a_dark_ground_changes_every_colour_of_the_palette():
    svg = sheet("long labels", "aligned_cosine").files()["svg"].decode()
    words = {"".join(element.itertext()) for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert "$a_b^c$ & <i>" in words and "aligned cosine" in words
    body = svg.split("</style>", 1)[1]
    known = {colour.light for colour in theme.THEMED}
    used = set(re.findall(r"(?<=:)#[0-9a-f]{6}", re.sub(r'"data:[^"]*"', "", body)))
    assert used <= known and theme.INK.light in used
    for colour in theme.THEMED:
        assert f'[style*="fill:{colour.light}"]{{fill:{colour.dark}!important}}' in svg


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_colours_stand_out_from_their_ground(ground):
    behind = getattr(theme.GROUND, ground)
    for colour in (theme.INK, theme.FAINT):
        assert contrast(getattr(colour, ground), behind) >= 4.5
    for colour in theme.SERIES:
        assert contrast(getattr(colour, ground), behind) >= 2
    assert len(set(theme.MARKERS)) == len(theme.SERIES)


def contrast(colour: str, ground: str) -> float:
    """The ratio of two colours' luminances, as WCAG defines it."""
    channels = [[int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)] for code in (colour, ground)]
    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares] for shares in channels]
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (high + 0.05) / (low + 0.05)


def test_a_script_without_a_font_is_named_and_nothing_is_written_to_stderr(capfd, monkeypatch, recwarn):
    monkeypatch.setattr(fonts, "_installed", list)
    fonts._others.cache_clear()
    try:
        drawn = sheet("Japanese labels", "relative_norm")
        drawn.files()
        assert drawn.missing == "".join(sorted(set("".join(figure_rows.JAPANESE))))
    finally:
        fonts._others.cache_clear()
    assert capfd.readouterr().err == "" and not recwarn.list


def test_labels_in_another_script_write_nothing_to_stderr(capfd, recwarn):
    """Whether or not this machine has a font for them."""
    for draw in figure_rows.sheets(*CASES["Japanese labels"]).values():
        draw().files()
    assert capfd.readouterr().err == "" and not recwarn.list


def test_latin_labels_need_no_other_font():
    assert fonts.families(["joy", "naïve", "\N{MINUS SIGN}0.5"]) == ([fonts.LATIN], "")
