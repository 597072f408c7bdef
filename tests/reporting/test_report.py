"""The report: every section, no text that turns into markup, numbers from the rows, and the same bytes from the same facts."""

import base64
import re
import string
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emotion_cli.measures import profile
from emotion_cli.reporting import report
from emotion_cli.reporting.report import html, markdown, rules
from emotion_cli.reporting.report.markdown import Column, Markdown, code, heading, items, listing, picture, say, table
from emotion_cli.reporting.report.rules import CONCLUSION, KEY_FINDINGS, NEXT_STEPS, NOTES, OBSERVATIONS, VERDICTS
from emotion_cli.reporting.report.sections import SECTIONS

NASTY = "a|b <script>alert(1)</script> `c` _d_ *e* [f](g) & $h$\n# i"
ONE_LINE = " ".join(NASTY.split())
ENDS = ("", "_ci_low", "_ci_high")
SHOWN, MISSED = "shown by mean_difference", "not shown by mean_difference, shown by "
SVG = (
    b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="4pt" height="4pt" viewBox="0 0 4 4">'
    b'<metadata>x</metadata><!-- y --><defs><path id="p"/></defs><use href="#p"/><g clip-path="url(#p)"/></svg>'
)


def facts(models=(("m1", 8), ("m2", 8)), emotions=("joy", "rage", "shame"), mean=0.6, tracked=None, datasets=("one", "two")):
    rows = {name: [] for name in report.READS}
    for dataset in datasets:
        rows["prompt_counts_by_emotion"] += [
            {"dataset": dataset, "role": "train", "emotion": emotion, "n_prompts": 4, "n_topics": 4, "mean_words": 3.0}
            for emotion in emotions
        ]
        for model, width in models:
            scope = {"dataset": dataset, "model": model, "reference": "neutral"}
            rows["extractions"].append(
                {
                    **scope,
                    "extraction_id": f"{dataset}-{model}",
                    "architecture": "gpt2",
                    "n_layers": 2,
                    "d_model": width,
                    "dtype": "float32",
                    "bos": "always",
                    "n_prompts": 12,
                    "n_tokens": 90,
                    "max_length": None,
                    "truncate": False,
                    "chat_template": False,
                    "poolings": ["last"],
                    "created_at": datetime(2026, 1, 2, 3, tzinfo=UTC),
                }
            )
            rows["vector_norms_by_layer"] += [
                {**scope, "emotion": emotion, "layer": layer, "relative_depth": layer / 2, "relative_norm": 0.1 * layer}
                for emotion in emotions
                for layer in range(3)
            ]
            rows["best_layers_by_emotion"] += [
                {
                    **scope,
                    "emotion": emotion,
                    "layer": 2,
                    "auroc": 0.95,
                    "d_prime": 2.3,
                    "auroc_words": 0.9 - 0.1 * i,
                    "auroc_gain": 0.05 + 0.1 * i,
                    "gain_ci_low": 0.1 * i - 0.05,
                    "gain_ci_high": 0.25,
                    "test_set": None,
                    "heldout_auroc": None,
                    "heldout_words": None,
                    "heldout_gain": None,
                    "heldout_gain_ci_low": None,
                    "heldout_gain_ci_high": None,
                }
                for i, emotion in enumerate(emotions)
            ]
            rows["direction_quality_by_method"] += [
                {
                    **scope,
                    "emotion": emotion,
                    "layer": layer,
                    **{f"{method}{end}": 0.7 for method in ("mean_difference", "whitened", "logistic") for end in ENDS},
                    "verdict": verdict,
                }
                for emotion in emotions
                for layer, verdict in ((None, SHOWN), (1, SHOWN), (2, MISSED + "whitened"), (3, MISSED + "logistic"))
            ]
            rows["layer_profiles"] += [
                {
                    **scope,
                    "layer": layer,
                    "top3_variance_share": share,
                    "sink_share": sinks,
                    "low_outlier_share": None,
                    "norm_bimodality": 9.0,
                }
                for layer, share, sinks in ((0, 0.1, 0.0), (1, 0.97, 0.4), (2, 0.6, 1.0))
            ]
            for a, b in [(emotions[0], emotions[1]), (emotions[0], emotions[2])]:
                pair = {
                    **scope,
                    "emotion_a": a,
                    "emotion_b": b,
                    "equidistance": 0.5,
                    "null_low": 0.2,
                    "null_high": 0.55,
                    "method": "mean_difference",
                    "mean_unbiased_cosine": 0.7,
                    "ci_low": 0.6,
                    "ci_high": 0.8,
                    "mean_distance_ratio": 0.8,
                    "distance_ratio_low": 0.7,
                    "distance_ratio_high": 0.9,
                    "smallest_effect": 0.14,
                    "smallest_auroc": 0.62,
                    "shown_by": None,
                    "verdict": "more similar than their shared reference makes them",
                }
                rows["within_model_similarity_by_model"].append(
                    {
                        **pair,
                        "mean_cosine_similarity": mean - 0.09 * (b == emotions[2]),
                        "p_value": 0.0019,
                        "n_layers_averaged": 2,
                    }
                )
                rows["within_model_similarity_by_layer"] += [
                    {**pair, "layer": layer, "cosine_similarity": mean if layer else None} for layer in range(3)
                ]
        if len(models) == 2 and models[0][1] == models[1][1]:
            pair = {"dataset": dataset, "model_a": models[0][0], "model_b": models[1][0], "chance_stddev": 8**-0.5}
            rows["cross_model_similarity_by_emotion"] += [
                {
                    **pair,
                    "emotion": emotion,
                    "avg_cosine_similarity": 0.0125,
                    "cosine_stddev_pop": 0.1,
                    "min_cosine_similarity": -0.1,
                    "max_cosine_similarity": 0.125,
                }
                for emotion in emotions
            ]
            rows["cross_model_similarity_by_layer"] += [
                {**pair, "emotion": emotion, "layer": layer, "averaged": layer > 0, "cosine_similarity": 0.1}
                for emotion in emotions
                for layer in range(3)
            ]
    for model, _ in models:
        rows["dataset_shift_by_layer"] += [
            {
                "dataset_a": datasets[0],
                "dataset_b": datasets[1],
                "model": model,
                "emotion": emotion,
                "layer": layer,
                "averaged": layer > 0,
                "share_in_common": 0.7,
                "cosine_similarity": 0.97,
                "noise_cosine": 0.8367,
                "cosine_unbiased": 0.95,
                "ci_low": 0.8,
                "ci_high": 1.02,
                "null_low": -0.2,
                "null_high": 0.2,
                "q_value": 0.002,
                "smallest_effect": 0.25,
                "verdict": "a similar direction, not shown to be the same" if layer else None,
            }
            for emotion in emotions
            for layer in range(3)
        ]
    variant = {"method": "mean_difference", "reference": "neutral", "pooling": "last"}
    settings = {"neutral": "neutral", "over_layers": "resid_post", "seed": 0, "draws": 1000}
    pictures = [report.Picture("figures/one/a%2Fb/x.png", SVG, "a picture", datasets[0])]
    return report.Facts(rows, variant, settings, pictures, tracked)


class Reader(HTMLParser):
    """What a browser makes of a page: the tags, open and closed, and the text outside of style by block, without line breaks."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(page)

    @property
    def lines(self):
        return [" ".join(line.split()) for line in self.text.split("\0")]

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.text += "\0" * (tag not in ("code", "strong", "em"))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        self.text += "\0" * (tag not in ("code", "strong", "em"))
        assert tag == "img" or self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def test_every_section_is_on_both_pages_with_its_contents():
    pages = report.pages(facts())
    titles = [
        "Execution date",
        "Overview",
        "Commands used",
        "Emotion vectors",
        "Directions and words",
        "Cross-model similarities",
        "The same direction on other texts",
        "Visualizations generated",
        "MLflow logging",
        "Key observations",
        "Next steps",
        "Conclusion",
    ]
    found = re.findall(r"^## (.*)$", pages["report.md"].decode(), flags=re.MULTILINE)
    assert [title for title in found if title in titles] == titles
    page = Reader(pages["report.html"].decode())
    assert page.open == []
    assert all(page.text.count(title) >= 2 for title in found)  # in the contents and as a heading
    text = pages["report.md"].decode()
    assert "2026-01-02" in text and "(3 layers, 8 dimensions)" in text
    assert "| joy | rage | 0.6000 | 0.2000 | 0.5500 | 0.0019 | 0.5 | 2 |" in text
    assert "| m1 | rage | 2 | 0.950 | 2.30 | 0.800 | 0.150 | 0.050 | 0.250 |" in text
    assert "TF-IDF of the words reaches an AUROC of 0.700 to 0.900. Of 6 directions, 4 separate better than it" in text
    assert "one: held-out folds of the training topics" in text and "one: test sets" not in text
    assert "| joy | m1 ↔ m2 | 0.012500 | 0.100000 | -0.100000 | 0.125000 | 0.353553 |" in text
    assert "emo extract -d one -d two -m m1 -m m2 --pooling last --bos always" in text
    assert "![a picture](figures/one/a%252Fb/x.png)" in text


def test_the_same_facts_give_the_same_bytes():
    assert report.pages(facts()) == report.pages(facts())


def test_the_page_asks_for_nothing_and_runs_nothing():
    page = report.pages(facts())["report.html"].decode()
    reader = Reader(page)
    assert "script" not in reader.tags and "default-src 'none'" in page
    links = [value for name, value in reader.attributes if name in ("href", "src", "xlink:href")]
    assert [link for link in links if not link.startswith("#")] == ["data:image/svg+xml;base64," + base64.b64encode(SVG).decode()]
    assert ("alt", "a picture") in reader.attributes and "a picture" in reader.lines
    targets = {value for name, value in reader.attributes if name == "id"}
    assert {link.removeprefix("#") for link in links if link.startswith("#")} == targets


NAMES = {
    "models": {"models": ((NASTY, 8), ("m2", 8))},
    "emotions": {"emotions": (NASTY, "rage", "{shame}")},
    "datasets": {"datasets": (NASTY, "two")},
    "all": {"models": ((NASTY, 8), ("m2", 8)), "emotions": (NASTY, "rage", "{shame}"), "datasets": (NASTY, "two")},
}


@pytest.mark.parametrize("changes", NAMES.values(), ids=list(NAMES))
def test_names_stay_text(changes):
    pages = report.pages(facts(**changes))
    page = Reader(pages["report.html"].decode())
    assert page.open == [] and "script" not in page.tags
    assert ONE_LINE in " ".join(page.lines) and ("{shame}" in page.text or "emotions" not in changes)
    assert not {"a", "em", "strong", "h1"} & set(page.tags[page.tags.index("main") :])
    outside_code = outside_code_of(pages["report.md"].decode())
    assert "<script>" not in outside_code and "\n# i" not in outside_code
    tables = re.findall(r"(?:^\|.*\n)+", outside_code, flags=re.MULTILINE)
    for lines in map(str.splitlines, tables):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1, lines
    assert any("a\\|b" in lines for lines in tables)


def outside_code_of(text):
    return re.sub(r"^(`{3,})$.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


def test_a_bar_in_a_name_adds_no_column():
    pages = report.pages(facts(models=((NASTY, 8), ("m2", 8)), emotions=(NASTY, "rage", "{shame}")))
    outside_code = outside_code_of(pages["report.md"].decode())
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in outside_code.splitlines() if line.startswith("| a\\|b")}
    # columns: 7 across models, 8 within one, 9 of directions, 10 of shifts, 11 of methods; a name adds none
    assert cells == {8, 9, 10, 11, 12}


BLOCKS = {
    "paragraph": lambda text: say("{text}", text=text),
    "inside": lambda text: say("before {text} after", text=text),
    "heading": heading,
    "item": lambda text: items([say("{text}", text=text)]),
    "numbered": lambda text: items([say("{text}", text=text)], numbered=True),
    "cell": lambda text: table([{"x": text}], [Column("x", "x")], "q"),
    "header": lambda text: table([{"x": "x"}], [Column("x", text)], "q"),
    "code": code,
    "listing": lambda text: Markdown(f"before\n\n{listing(text)}\n\nafter"),
    "caption": lambda text: picture("a.png", text),
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=list(BLOCKS))
@given(text=st.text(alphabet=string.punctuation + "aé1 \n"))
@example(text=NASTY)
@example(text="1. one")
@example(text="- - -")
@example(text="a #")
@example(text="&lt;b&gt; &#42;")
def test_escaped_text_is_the_text(block, text):
    page = Reader(html.page(markdown.page("t", [("c", [block(text)])]), {"a.png": SVG}))
    shown = " ".join(text.split())
    assert page.open == [] and {shown, f"before {shown} after"} & set(page.lines)
    expected = {
        "h3",
        "ul",
        "ol",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "p",
        "code",
        "pre",
        "figure",
        "figcaption",
        "img",
    }
    assert set(page.tags[page.tags.index("main") :]) <= expected | {"main", "h2"}


def test_a_figure_is_in_the_page_as_it_is():
    other = SVG.replace(b"4pt", b"5pt")
    chapters = [("c", [picture("a b/(1).png", "first"), picture("c.png", "second")])]
    page = Reader(html.page(markdown.page("t", chapters), {"a%20b/%281%29.png": SVG, "c.png": other}))
    sources = [value for name, value in page.attributes if name == "src"]
    assert [base64.b64decode(source.split(",")[1]) for source in sources] == [SVG, other]
    assert page.tags.count("figure") == 2 and {"first", "second"} <= set(page.lines)


def test_code_may_hold_backticks():
    page = markdown.page("t", [("c", [say("see {name}.", name=code("a `b` c"))])])
    assert page.endswith("see ``a `b` c``.\n")


def said(**changes):
    return report.pages(facts(**changes))["report.md"].decode()


@pytest.mark.parametrize(
    ("changes", "sentence", "otherwise"),
    [
        ({"mean": 0.6}, "1 of 2 means lie above", {"mean": 0.2}),
        ({"mean": 0.6}, "(0.5100)", {"mean": 0.8}),
        ({"mean": 0.995}, "Every mean is above 0.9 (0.9050 to 0.9950)", {"mean": 0.98}),
        ({"mean": 0.6}, "Highest mean cosine: joy and rage (0.6000); lowest: joy and shame (0.5100)", {"mean": 0.61}),
        ({"models": (("m1", 8), ("m2", 9))}, "No two models have equal width: m1 (8 dimensions) and m2 (9 dimensions)", {}),
        ({}, "6 of 6 cosines at single layers (100%) lie within 0.6930 of 0", {"models": (("m1", 8), ("m2", 9))}),
        ({}, "The order of the pairs from lowest to highest cosine is the same in all 4", {"models": ()}),
        ({"models": (("m1", 8),)}, "Add a second model to compare m1 with", {}),
        (
            {},
            "m1: 70% of two is in one, too. Against the rest and without noise, at 6 single layers: a similar direction",
            {"models": (("m3", 8),)},
        ),
        ({}, "at layer 0 a vector has no length", {"models": ()}),
        (
            {
                "tracked": {
                    "run_id": "R1",
                    "experiment": "emo",
                    "uri": "u",
                    "params": {"phase": "x"},
                    "metrics": {"l2_norm": 2},
                    "n_metrics": 4,
                    "n_artifacts": 1,
                }
            },
            "`R1`",
            {},
        ),
        (
            {},
            "These numbers were not logged",
            {
                "tracked": {
                    "run_id": "R1",
                    "experiment": "emo",
                    "uri": "u",
                    "params": {},
                    "metrics": {},
                    "n_metrics": 4,
                    "n_artifacts": 1,
                }
            },
        ),
    ],
)
def test_rules_say_what_the_rows_say_and_nothing_else(changes, sentence, otherwise):
    assert sentence in said(**changes)
    if otherwise.get("models") != ():
        assert sentence not in said(**otherwise)


def test_cosines_outside_the_band_are_said():
    given_facts = facts()
    for row in given_facts.rows["cross_model_similarity_by_layer"]:
        row["cosine_similarity"] = 0.8
    assert "0 of 6 cosines at single layers (0%)" in report.pages(given_facts)["report.md"].decode()
    assert "more lie outside than unrelated directions" in report.pages(given_facts)["report.md"].decode()


def judged(**changes):
    """The report where the first pair of the first model and dataset has these values."""
    given_facts = facts()
    given_facts.rows["within_model_similarity_by_model"][0].update(changes)
    return report.pages(given_facts)["report.md"].decode()


def test_a_verdict_that_shows_nothing_names_what_was_tested_and_what_could_have_been_shown():
    text = judged(verdict="no direction shown")
    assert "m1 on one: mean_difference shows no direction of one emotion or both in joy and rage. " in text
    assert "With probability 0.8 such a study shows an AUROC of 0.62 or more." in text and "are shown by" not in text
    text = judged(verdict="no direction shown", shown_by="whitened")
    assert "Both directions of joy and rage are shown by whitened." in text
    assert "So few topics can show nothing." in judged(verdict="no direction shown", smallest_auroc=1.02)
    text = judged(verdict="undecided")
    assert "m1 on one: the similarity of joy and rage is undecided. " in text
    assert "With probability 0.8 such a study shows a cosine that is 0.14 or more away from 0.5." in text
    assert "What could have been shown is not known." in judged(verdict="undecided", smallest_effect=None)


def test_verdicts_are_counted_in_their_own_words():
    text = judged(verdict="undecided")
    assert (
        "Verdicts on 8 pairs of emotions in one model: more similar than their shared reference makes them (7); undecided (1)."
        in text
    )
    assert "| one | m1 | joy | rage | undecided | 0.700 | 0.600 | 0.800 | 0.5 | 0.800 | 0.700 | 0.900 |" in text
    assert "| joy | rage | not measured |" in judged(verdict=None)
    assert "| joy | rage | -1 by construction |" in judged(verdict=None, equidistance=-1.0)


def test_a_shift_that_is_not_shown_says_what_could_have_been():
    given_facts = facts()
    given_facts.rows["dataset_shift_by_layer"][1]["verdict"] = "not shown to be alike"
    text = report.pages(given_facts)["report.md"].decode()
    assert "a similar direction, not shown to be the same (5); not shown to be alike (1). With probability 0.8" in text
    assert "shows a cosine of 0.25 or more." in text


def test_every_number_names_a_query_that_is_read():
    for rule in (*NOTES, *VERDICTS, *KEY_FINDINGS, *OBSERVATIONS, *NEXT_STEPS, *CONCLUSION):
        assert rule.query in report.READS
    text = said()
    assert set(re.findall(r"`emo sql (\w+)`", text)) <= set(report.READS)
    assert {query for section in SECTIONS for query in section.reads} == set(report.READS)
    for item in re.findall(r"^(?:-|\d+\.) (.*\d.*)$", text, flags=re.MULTILINE):
        assert "`emo sql " in item


def test_what_another_method_shows_is_said():
    page = report.pages(facts())["report.md"].decode()
    assert "m1, joy: at 2 of 3 layers (2 to 3)" in page
    assert "shows no direction, where one is shown by whitened and logistic." in page
    found = facts()
    for row in found.rows["direction_quality_by_method"]:
        row["verdict"] = SHOWN
    assert "shows no direction, where" not in report.pages(found)["report.md"].decode()


def test_massive_activations_are_said_on_the_first_page():
    page = report.pages(facts())["report.md"].decode()
    assert "three dimensions hold up to 97% of the variance (at 2 layers)" in page
    assert "up to 40% of the pooled tokens are far longer than the others (at 1 layer)" in page
    assert page.index("97% of the variance") < page.index("## Commands used")
    found = facts()
    for row in found.rows["layer_profiles"]:
        row |= {"top3_variance_share": 0.1, "sink_share": None}
    assert "of the variance (at" not in report.pages(found)["report.md"].decode()


def test_thresholds_are_those_of_the_extraction():
    assert (rules.CONCENTRATED, rules.MIXED) == (profile.CONCENTRATED, profile.MIXED)
