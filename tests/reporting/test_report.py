"""The report: every section, no text that turns into markup, numbers from the rows, and the same bytes from the same facts."""

import re
import string
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from report_facts import MISSED, SHOWN, SVG, facts

from emotion_cli.measures import profile
from emotion_cli.reporting import report
from emotion_cli.reporting.report import html, markdown
from emotion_cli.reporting.report.blocks import (
    Chapter,
    Code,
    Figure,
    Header,
    Heading,
    Items,
    Listing,
    Paragraph,
    Table,
    Terms,
    filled,
)
from emotion_cli.reporting.report.language import language
from emotion_cli.reporting.report.sections import SECTIONS, data
from emotion_cli.reporting.report.sections.section import Section

NASTY = "a|b <script>alert(1)</script> `c` _d_ *e* [f](g) & $h$\n# i"
ONE_LINE = " ".join(NASTY.split())
GOLDEN = Path(__file__).with_name("golden")


def pages(given_facts=None, lang="en"):
    return {name: content.decode() for name, content in report.pages(given_facts or facts(), lang).items()}


def said(**changes):
    return pages(facts(**changes))["report.md"]


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
    both = pages()
    titles = [language("en").heading(section.id) for section in SECTIONS]
    assert re.findall(r"^## (.*)$", both["report.md"], flags=re.MULTILINE) == titles
    page = Reader(both["report.html"])
    assert page.open == []
    assert all(page.text.count(title) >= 2 for title in titles)  # in the contents and as a heading
    text = both["report.md"]
    # the headings of the report that this project began with
    for heading in ("Execution date", "Overview", "Emotion vectors", "Intra-model similarities", "Cross-model similarities"):
        assert re.search(rf"^##+ {heading}$", text, flags=re.MULTILINE)
    for heading in ("Visualizations generated", "MLflow logging", "Key observations", "Next steps", "Conclusion"):
        assert re.search(rf"^##+ {heading}$", text, flags=re.MULTILINE)
    assert "# Emotion directions in m1 and m2, made of one and two\n" in text
    assert "2026-01-02" in text and "(3 layers, 8 dimensions)" in text
    assert "emo extract -d one -d two -m m1 -m m2 --pooling last --bos always" in text
    assert "emo track" not in text.split("### Commands used")[1].split("###")[0]
    assert "\n\n![new kind (m1, one)](figures/one/a%252Fb/x.png)\n\nm1, one. Another.\n" in text


def test_page_one_answers_with_each_direction_beside_words_alone():
    page_one = said().split("\n## ")[1]
    assert page_one.startswith("Overview\n")
    first = page_one.split("\n\n")[1]
    assert first == "In 4 of 6 cases, a direction is shown to tell its emotion better than words alone do, on `unseen`."
    assert (
        "On `unseen`, whose texts made no vector, directions reach AUROC 0.625 to 0.625, and words alone 0.510 to 0.520."
        in page_one
    )
    assert "4 of 6 hold more than words (two 4 of 6)." in page_one
    assert "6 of 6 directions separate their emotion better than the best layer of chance does (q < 0.05)." in page_one.replace(
        "&lt;", "<"
    )
    found = page_one.split("### What was found\n")[1].split("\n\n")[0].strip()
    assert len(found.splitlines()) == 4 and all(line.startswith("- ") for line in found.splitlines())
    assert "one shares prompts with two. Its directions are in the table, and in no count above." in page_one
    assert "12 comparisons with words, each by 95 % intervals without a correction" in page_one and "0.3 of 12" in page_one
    assert "| dataset | model | emotion | layer | training topics: AUROC | training topics: best of chance |" in page_one
    assert "| unseen: AUROC | unseen: words alone | unseen: more than words |" in page_one
    assert "| one | m1 | rage | 2 | 0.950 | 0.650 | 0.890 | 0.625 (0.55 to 0.71) | 0.510 | yes |" in page_one
    assert "| one | m1 | joy | 2 | 0.950 | 0.650 | 0.900 | 0.625 (0.55 to 0.71) | 0.510 | not shown |" in page_one


def test_one_table_holds_all_that_knows_words_only():
    section = said().split("\n## ")[3]
    assert section.startswith("Emotion vectors") and section.count("TF-IDF |") == 2  # one for each dataset
    assert (
        "| unseen | m1 | rage | 2 | 0.625 (0.55 to 0.71) | 0.570 | 0.500 | 0.500 | 0.510 | 0.480 | 0.050 to 0.250 | yes |"
        in section
    )
    assert (
        "| training topics | m1 | joy | 2 | 0.950 | 0.650 | 0.900 | 0.500 | 0.500 | 0.480 | -0.050 to 0.250 | not shown |"
        in section
    )


def test_without_controls_only_tf_idf_is_compared_and_nothing_is_called_more_than_words():
    given_facts = facts()
    for row in given_facts.rows["more_than_words_by_emotion"]:
        row |= {"random_words": None, "embeddings": None, "untrained": None, "more_than_words": None, "words_alone": row["tfidf"]}
    text = pages(given_facts)["report.md"]
    assert "| one | m1 | shame | 2 | 0.950 | 0.650 | 0.880 | 0.625 (0.55 to 0.71) | 0.490 | not known |" in text
    assert "Whether directions tell more than words is not known, as no controls were measured." in text
    page_one, conclusion = (text.split(f"\n## {heading}\n")[1].split("\n## ")[0] for heading in ("Overview", "Conclusion"))
    assert "hold more than words" not in page_one + conclusion
    assert "On `unseen`, directions reach AUROC 0.625 to 0.625." in conclusion
    assert "Compare the directions with what knows words only" in text and "Compare the directions with" not in said()


def test_what_is_wrong_with_the_prompts_is_on_page_one():
    def page_one(verdict, **changes):
        given_facts = facts()
        given_facts.rows["prompt_audit_by_pair"][0] |= {"verdict": verdict, **changes}
        return pages(given_facts)["report.md"].split("\n## ")[1]

    assert "Before you use it" not in said()
    told = page_one("words tell them apart", words_auroc=0.97)
    assert "The audit finds fault with one. Words alone tell 1 of 2 pairs of labels apart (AUROC up to 0.97)." in told
    few = page_one("too few topics to tell", words_auroc=1.0, words_ci_low=None, words_ci_high=None)
    assert "There are too few topics to audit one." in few and "apart (AUROC up to 1.00)." in few
    assert "pairs of labels apart." in page_one("too few topics to tell", words_auroc=None, words_ci_low=None, words_ci_high=None)
    given_facts = facts()
    given_facts.rows["prompt_counts_by_emotion"][1]["n_prompts"] = 2
    assert "one has only 2 prompts of rage." in pages(given_facts)["report.md"].split("\n## ")[1]


def test_a_section_without_anything_to_say_is_not_printed():
    assert "## Cross-model similarities" not in said(models=(("m1", 8),))
    given_facts = facts()
    given_facts.rows["dataset_shift_by_layer"].clear()
    assert "## The same direction on other texts" not in pages(given_facts)["report.md"]


@pytest.mark.parametrize("lang", report.LANGUAGES)
def test_the_same_facts_give_the_bytes_that_are_kept(lang, request):
    for name, content in report.pages(facts(), lang).items():
        kept = GOLDEN / name.replace(".", f".{lang}.")
        if request.config.getoption("--write-golden"):
            kept.write_bytes(content)
        assert kept.read_bytes() == content, f"if the change is meant: pytest {Path(__file__).name} --write-golden"


def test_the_page_asks_for_nothing_and_runs_nothing():
    page = pages()["report.html"]
    reader = Reader(page)
    assert "script" not in reader.tags and "default-src 'none'" in page
    links = [value for name, value in reader.attributes if name in ("href", "src", "xlink:href")]
    assert links and all(link.startswith("#") for link in links)
    targets = [value for name, value in reader.attributes if name == "id"]
    assert len(targets) == len(set(targets)) and {link.removeprefix("#") for link in links} <= set(targets)


NAMES = {
    "models": {"models": ((NASTY, 8), ("m2", 8))},
    "emotions": {"emotions": (NASTY, "rage", "{shame}")},
    "datasets": {"datasets": (NASTY, "two")},
    "all": {"models": ((NASTY, 8), ("m2", 8)), "emotions": (NASTY, "rage", "{shame}"), "datasets": (NASTY, "two")},
}


@pytest.mark.parametrize("lang", report.LANGUAGES)
@pytest.mark.parametrize("changes", NAMES.values(), ids=list(NAMES))
def test_names_stay_text(changes, lang):
    both = pages(facts(**changes), lang)
    page = Reader(both["report.html"])
    assert page.open == [] and "script" not in page.tags
    assert ONE_LINE in " ".join(page.lines) and ("{shame}" in page.text or "emotions" not in changes)
    assert not {"a", "em", "strong", "h1"} & set(page.tags[page.tags.index("main") :])
    outside_code = outside_code_of(both["report.md"])
    assert "<script>" not in outside_code and "\n# i" not in outside_code
    tables = re.findall(r"(?:^\|.*\n)+", outside_code, flags=re.MULTILINE)
    for lines in map(str.splitlines, tables):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1, lines
    assert any("a\\|b" in lines for lines in tables)


def outside_code_of(text):
    return re.sub(r"^(`{3,})$.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


PICTURE = report.Picture("a b/(1).png", SVG, "a", ("m",), ("d",), "c")

BLOCKS = {
    "paragraph": lambda text: Paragraph(filled("{text}", {"text": text})),
    "inside": lambda text: Paragraph(filled("before {text} after", {"text": text})),
    "heading": Heading,
    "item": lambda text: Items([(text,)]),
    "numbered": lambda text: Items([(text,)], is_numbered=True),
    "term": lambda text: Terms([(text, ("x",))]),
    "cell": lambda text: Table(("x",), "q", [Header("x", False)], [[text]]),
    "header": lambda text: Table(("x",), "q", [Header(text, True)], [["x"]]),
    "table caption": lambda text: Table((text,), "q", [Header("x", True)], [["x"]]),
    "code": lambda text: Paragraph((Code(text),)),
    "listing": Listing,
    "caption": lambda text: Figure(PICTURE, (text,), "x"),
    "alt": lambda text: Figure(PICTURE, ("x",), text),
}


def parsed(text):
    """Markdown as a reader of it sees it."""
    from markdown_it import MarkdownIt

    return Reader(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


@pytest.mark.parametrize("block", BLOCKS.values(), ids=list(BLOCKS))
@given(text=st.text(alphabet=string.punctuation + "aé1 \n", min_size=1).filter(str.strip))
@example(text=NASTY)
@example(text="1. one")
@example(text="- - -")
@example(text="a #")
@example(text="&lt;b&gt; &#42;")
def test_escaped_text_is_the_text_in_both_formats(block, text):
    chapters = [Chapter("c", "c", [block(text)])]
    shown = " ".join(text.split())
    of_html = Reader(html.page("t", chapters, language("en")))
    of_markdown = parsed(markdown.page("t", chapters))
    assert of_html.open == of_markdown.open == []
    for page in (of_html, of_markdown):
        alts = [" ".join(value.split()) for name, value in page.attributes if name in ("alt", "aria-label")]
        seen = [*alts, *page.lines, *(line.removesuffix(" (emo sql q)").removesuffix(": x") for line in page.lines)]
        assert {shown, f"before {shown} after"} & set(seen)
        assert not {"script", "em", "a"} & set(page.tags[page.tags.index("main") if "main" in page.tags else 0 :])


def test_code_may_hold_backticks():
    page = markdown.page("t", [Chapter("c", "c", [Paragraph(filled("see {name}, `x {name}`.", {"name": Code("a `b` c")}))])])
    assert page.endswith("see ``a `b` c``, ``x a `b` c``.\n")


TRACKED = {
    "run_id": "R1",
    "experiment": "emo",
    "uri": "u",
    "params": {"phase": "x"},
    "metrics": {"l2_norm": 2},
    "n_metrics": 4,
    "n_artifacts": 1,
}


@pytest.mark.parametrize(
    ("changes", "sentence", "otherwise"),
    [
        ({"mean": 0.995}, "every mean cosine is above 0.9 (0.905 to 0.995)", {"mean": 0.98}),
        ({"models": (("m1", 8), ("m2", 9))}, "No two models have equal width: m1 (8 dimensions) and m2 (9 dimensions)", {}),
        ({}, "6 of 6 raw cosines at single layers (100%) lie within 0.693 of 0", {"models": (("m1", 8), ("m2", 9))}),
        ({}, "The order of the pairs from lowest to highest mean cosine is the same in all 4", {"models": ()}),
        ({"models": (("m1", 8),)}, "Add a second model to compare m1 with", {}),
        (
            {},
            "m1: against the rest of two and without noise, at 6 single layers: a similar direction, not shown to be the same (6).",
            {"models": (("m3", 8),)},
        ),
        ({}, "at layer 0 a vector has no length", {"models": ()}),
        ({"tracked": TRACKED}, "`R1`", {}),
        ({"tracked": TRACKED}, "emo track --method", {}),
        ({}, "These numbers were not logged", {"tracked": TRACKED}),
        ({}, "m1 to m2: joy (0.50), rage (0.50) and shame (0.50) share a contrast with the reference.", {"models": (("m1", 8),)}),
        ({}, "Between m1 and m2, 6 of 6 carried directions meet the other model's own beyond chance", {"models": (("m1", 8),)}),
    ],
)
def test_statements_say_what_the_rows_say_and_nothing_else(changes, sentence, otherwise):
    assert sentence in said(**changes)
    if otherwise.get("models") != ():
        assert sentence not in said(**otherwise)


def test_nothing_rests_on_cosines_above_their_permutation_null():
    text = said()
    assert "lie above their permutation null" not in text and "equal width (" not in text.split("## Next steps")[1]


def test_cosines_outside_the_band_are_said():
    given_facts = facts()
    for row in given_facts.rows["cross_model_similarity_by_layer"]:
        row["cosine_similarity"] = 0.8
    text = pages(given_facts)["report.md"]
    assert "0 of 6 raw cosines at single layers (0%)" in text and "more lie outside than unrelated directions" in text


MODELS = ("m1", "m2")


def judged(**changes):
    """The report where the first pair of the first model has these values, on the dataset that page one counts."""
    given_facts = facts()
    given_facts.rows["within_model_similarity_by_model"][-2 * len(MODELS)].update(changes)
    return pages(given_facts)["report.md"]


def test_a_verdict_that_shows_nothing_names_what_was_tested_and_what_could_have_been_shown():
    text = judged(verdict="no direction shown")
    assert "m1: for joy and rage, no direction of one emotion or both is shown." in text
    assert "With probability 0.8 such a study shows an AUROC of 0.62 or more." in text and "are shown by" not in text
    text = judged(verdict="no direction shown", shown_by="whitened")
    assert "Both directions of joy and rage are shown by whitened." in text
    assert "So few topics can show nothing." in judged(verdict="no direction shown", smallest_auroc=1.02)
    text = judged(verdict="undecided")
    assert "m1: whether joy and rage are more or less similar than their reference makes them is undecided." in text
    assert "With probability 0.8 such a study shows a cosine that is 0.14 or more away from 0.5." in text
    assert "What could have been shown is not known." in judged(verdict="undecided", smallest_effect=None)


def test_verdicts_are_counted_in_their_own_words():
    text = judged(verdict="undecided")
    assert "4 pairs of emotions in one model: more similar than their shared reference makes them (3); undecided (1)." in text
    assert (
        "| m1 | joy and rage | 0.60 | 0.20 to 0.55 | 0.0019 | 0.5 | 0.70 (0.60 to 0.80) | 0.80 (0.70 to 0.90) | undecided |"
        in text
    )
    assert "joy and rage have not been measured." in judged(verdict=None)
    assert "joy and rage have a cosine of -1 by construction" in judged(verdict=None, equidistance=-1.0)


def test_a_shift_that_is_not_shown_says_what_could_have_been():
    given_facts = facts()
    given_facts.rows["dataset_shift_by_layer"][1]["verdict"] = "not shown to be alike"
    text = pages(given_facts)["report.md"]
    assert "a similar direction, not shown to be the same (5); not shown to be alike (1). With probability 0.8" in text
    assert "shows a cosine of 0.25 or more." in text


def test_every_section_names_the_queries_that_it_read():
    for chapter in said().split("\n## ")[1:]:
        title = chapter.split("\n")[0]
        (section,) = [section for section in SECTIONS if language("en").heading(section.id) == title]
        named = set(re.findall(r"`emo sql (\w+)`", chapter))
        assert {name for name in section.reads if facts().rows[name]} <= named <= set(report.READS), title
    assert {query for section in SECTIONS for query in section.reads} == set(report.READS)


def test_a_section_cannot_show_rows_that_it_does_not_read():
    for section in SECTIONS:
        given_facts = facts()
        given_facts = type(given_facts)(
            {name: rows for name, rows in given_facts.rows.items() if name in (*section.reads, "extractions")},
            given_facts.variant,
            given_facts.settings,
        )
        assert isinstance(section, Section)
        section.chapter(given_facts, language("en"))


def test_what_another_method_shows_is_said():
    page = said()
    assert "m1, joy: at 2 of 3 layers (2 to 3) the mean difference shows no direction" in page
    assert "where one is shown by whitened and logistic." in page
    found = facts()
    for row in found.rows["direction_quality_by_method"]:
        row["verdict"] = SHOWN
    assert "shows no direction, where" not in pages(found)["report.md"]
    assert MISSED.startswith("not shown")


def test_massive_activations_are_said_with_the_data():
    section = said().split("\n## ")[2]
    assert section.startswith("Data")
    assert "three dimensions hold up to 97% of the variance at 2 layers from 1 to 2" in section
    assert "up to 40% of the pooled tokens are far longer than the others at layer 1" in section
    found = facts()
    for row in found.rows["layer_profiles"]:
        row |= {"top3_variance_share": 0.1, "sink_share": None}
    assert "of the variance" not in pages(found)["report.md"]


def test_thresholds_are_those_of_the_extraction():
    assert (data.CONCENTRATED, data.MIXED) == (profile.CONCENTRATED, profile.MIXED)


def test_figures_are_parts_of_the_page_with_their_rules_once():
    page = pages()["report.html"]
    assert page.count("<svg") == page.count("<figure ") == 2 and page.count(".emo-figure{x:y}") == 1
    assert "<desc" not in page and page.count("<title") == 1 and 'aria-labelledby="f1t' not in page
    assert 'aria-label="Points of AUROC over words' in page and '<use href="#f10"/>' in page
    assert ">m1, one. A caption.</figcaption>" in page
    japanese = pages(lang="ja")["report.html"]
    assert ">A caption." not in japanese and "m1\u3001one\uff1aAnother." in japanese


def test_tables_have_captions_and_can_be_reached_with_the_keyboard():
    page = Reader(pages()["report.html"])
    assert page.tags.count("caption") == page.tags.count("table") > 5
    regions = sum(attribute == ("tabindex", "0") for attribute in page.attributes)
    assert regions == sum(page.tags.count(tag) for tag in ("table", "pre", "figure"))


def test_a_group_of_columns_has_one_header_above_them():
    headers = [Header("model", False), Header("layer", True), Header("AUROC", True, "on a"), Header("words", True, "on a")]
    headers += [Header("AUROC", True, "on b"), Header("words", True, "on b")]
    table = Table(("x",), "q", headers, [list("m12345"), list("m67890"), list("n12345")], by=1)
    page = html.page("t", [Chapter("c", "c", [table])], language("en"))
    head = re.sub(r' class="[^"]*"', "", page.split("<thead>")[1].split("</thead>")[0])
    assert re.findall(r"<th (.*?)</th>", head) == [
        'scope="col" rowspan="2">layer',
        *(f'scope="colgroup" colspan="2">on {name}' for name in "ab"),
        *(f'scope="col">{name}' for name in ("AUROC", "words") * 2),
    ]
    assert re.findall(r'colgroup span="(\d)"', page) == ["1", "2", "2"]
    # what the rows are about stands above them, once
    assert re.findall(r'<th scope="rowgroup" colspan="5"><span>(.)</span>', page) == ["m", "n"]
    assert page.count("<tbody>") == 2 and page.count("<td") == 15
    assert "| model | layer | on a: AUROC | on a: words | on b: AUROC | on b: words |" in markdown.block(table)
    assert markdown.block(table).count("| m |") == 2


def test_a_perfect_auroc_says_where_its_interval_comes_from():
    assert "is without an error" not in said()
    given_facts = facts()
    given_facts.rows["more_than_words_by_emotion"][-1] |= {"auroc": 1.0, "auroc_ci_low": 0.9119, "auroc_ci_high": 1.0}
    given_facts.rows["prompt_counts_by_emotion"].append(
        {"dataset": "unseen", "role": "test", "emotion": "joy", "n_prompts": 40, "n_topics": 40, "mean_words": 3.0}
    )
    text = pages(given_facts)["report.md"]
    assert "An AUROC of 1 on `unseen` is without an error" in text and "40 won of 40 topics, which begins at 0.91." in text


def test_the_answer_is_about_the_test_set_where_directions_do_worst():
    given_facts = facts()
    harder = [
        {**row, "test_set": "harder", "auroc": 0.55, "more_than_words": False}
        for row in given_facts.rows["more_than_words_by_emotion"]
        if row["test_set"]
    ]
    given_facts.rows["more_than_words_by_emotion"] += harder
    text = pages(given_facts)["report.md"]
    assert "In 0 of 6 cases, a direction is shown to tell" in text and "on `harder`, the hardest of 2 test sets." in text


def test_a_method_that_centres_says_which_models_do_not():
    given_facts = facts()
    given_facts.rows["extractions"][0]["ignores_mean"] = False
    told = "something that these models read, or may read: m1 (gpt2)."
    assert told in pages(replace(given_facts, is_centred=True))["report.md"]
    assert told not in pages(given_facts)["report.md"] and told not in pages(replace(facts(), is_centred=True))["report.md"]


def test_a_figure_is_as_wide_as_its_letters_need():
    svg = SVG.replace(b"0 0 4 4", b"0 0 680.08 416.33")
    pictures = [replace(facts().pictures[0], svg=svg)]
    assert '<figure style="--inches: 9.45">' in pages(replace(facts(), pictures=pictures))["report.html"]


def effects(**changes):
    """The section on effects where the first verdict on the first model and dataset has these values."""
    given_facts = facts()
    given_facts.rows["steering_verdicts_by_emotion"][0].update(changes)
    return pages(given_facts)["report.md"].split("## Do the directions do anything?")[1].split("\n## ")[0]


def test_effects_are_said_with_their_numbers_and_nulls():
    section = effects()
    assert (
        "- m1, against neutral, on unseen: a direction moves emotional against neutral text more than permuted labels do. "
        "This holds for joy (+0.420 at layer 2, alpha 0.2; permuted labels up to +0.300; own texts +0.100)." in section
    )
    assert "- m1, against neutral, on unseen: the contrast grows only by making neutral text worse" in section
    assert "| m1 | unseen | joy | neutral | 2 | 0.2 | +0.420 (+0.300 to +0.500) | +0.300 | 0.012 |" in section
    # directions that were added are not predicted as well; what was only screened says so
    assert (
        "- m1, against others, on unseen, to first order: an effect is predicted, and the model was not changed. "
        "This holds for joy (z 4.2 at layer 1; permuted labels up to 3.1), rage" in section
    )
    assert section.count("to first order: an effect is predicted") == 4 and "against neutral, on unseen, to first" not in section
    assert section.count("log-probability in nats a token") == 1
    # carried states stand below: with a share of the whole where there is one, and to first order where nothing was carried
    assert (
        "- m1, residual states on unseen: an effect is found, beyond that of a neutral text of another topic. "
        "This holds for joy (+0.90 at layer 1, 61% of the whole; half of it first at layer 1)." in section
    )
    assert "the model was not changed. This holds for rage (+0.70 at layer 1)." in section


def test_an_effect_without_a_null_and_one_that_is_not_defined_say_so():
    beyond = effects(verdict="beyond the damage budget", null_high=None, q_value=None, damage_kl=0.9)
    assert (
        "is beyond the damage budget, a KL of 0.5 on neutral texts. This holds for joy (+0.420 at layer 2, alpha 0.2;" in beyond
    )
    undefined = effects(verdict=None, effect=None, null_high=None, q_value=None)
    assert "on unseen: no effect is defined for joy." in undefined and "no effect is defined |" in undefined


def test_what_was_added_in_an_unusual_way_is_named():
    section = effects(positions="continuation", prefix="Dear all,")
    assert "on unseen (positions continuation, prefix Dear all,, unit norm): a direction moves" in section


def test_without_runs_there_is_no_section_on_effects():
    given_facts = facts()
    for query in ("steering_verdicts_by_emotion", "steering_predictions_by_emotion", "patching_verdicts_by_emotion"):
        given_facts.rows[query].clear()
    assert "Do the directions do anything?" not in pages(given_facts)["report.md"]
