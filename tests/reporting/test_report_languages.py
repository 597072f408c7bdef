"""The fixed texts of the report: every language has the same ones, and every verdict of the queries has its words."""

import re
import string
from pathlib import Path

import pytest

from emotion_cli.reporting.figures import CAPTIONS
from emotion_cli.reporting.report import LANGUAGES
from emotion_cli.reporting.report.language import language
from emotion_cli.reporting.report.sections import pictures
from emotion_cli.settings import SETTINGS
from warehouse.library import queries

CODE = Path("emotion_cli/reporting/report")
JUDGED = (
    "prompt_audit_by_pair",
    "within_model_verdicts_by_layer",
    "cross_model_alignment_by_layer",
    "dataset_shift_by_layer",
    "steering_predictions_by_emotion",
    "steering_verdicts_by_emotion",
    "patching_cells_by_layer",
)
"""The queries whose verdicts the report shows."""


def texts(node, path=()):
    """Every text of a language by its path."""
    if isinstance(node, str):
        return {path: node}
    return {key: text for name, child in node.items() for key, text in texts(child, (*path, name)).items()}


def parts(text):
    """The values of a text with their formats, and its code."""
    values = sorted({(field, spec) for _, field, spec, _ in string.Formatter().parse(text) if field is not None})
    return values, sorted(text.split("`")[1::2])


@pytest.mark.parametrize("other", [name for name in LANGUAGES if name != "en"])
def test_all_languages_have_the_same_texts_with_the_same_values(other):
    english, translated = (texts(language(name).messages) for name in ("en", other))
    # the figures have their captions in English
    captions = {path: translated.pop(path) for path in list(translated) if path[0] == "captions"}
    assert all(text for text in captions.values())
    assert {path[1] for path in captions} == set(CAPTIONS)
    assert {path[1] for path in captions if path[2] == "maps"} == {kind for kind, caption in CAPTIONS.items() if caption.many}
    assert list(english) == list(translated)
    assert {path: parts(text) for path, text in english.items()} == {path: parts(text) for path, text in translated.items()}


def test_the_setting_names_the_languages():
    assert SETTINGS["lang"].metadata["choices"] == LANGUAGES


def test_english_verdicts_are_those_of_the_queries():
    for verdict, said in language("en").messages["verdicts"].items():
        assert said["label"] == verdict


def test_every_verdict_has_its_words():
    known = set(language("en").messages["verdicts"])
    sql = {name: queries()[name].sql for name in JUDGED}
    verdict = re.compile(r"(?:then|else) '([a-z](?:[^']|'')+)'$", flags=re.MULTILINE)
    plain = {text.replace("''", "'") for query in sql.values() for text in verdict.findall(query)}
    assert {"only by making other emotions' text worse", "predicted"} <= plain
    # the names of kinds, not of verdicts, and of places that are not searched
    assert plain - {"equidistant emotions", "their shared reference makes them", "the whole, by construction"} <= known
    within = sql["within_model_verdicts_by_layer"]
    standards = ("their shared reference makes them", "equidistant emotions")
    for standard in standards:
        assert f"'{standard}'" in within
        made = {how + standard for how in re.findall(r"'((?:as|more|less) similar (?:as|than) )'", within)}
        assert len(made) == 3 and made <= known and f"more similar than {standard}, and more than words give" in known
    carried = re.findall(r"concat\(\s+'([^']+)',\s+case", sql["cross_model_alignment_by_layer"])
    assert len(carried) == 2
    for verdict in carried:
        assert {verdict, f"{verdict}, and more than words give"} <= known


def test_every_text_is_used():
    code = "".join(path.read_text() for path in [*CODE.rglob("*.py"), CODE / "page.html"])
    for group in ("headings", "columns", "tables", "sentences"):
        for name in language("en").messages[group]:
            stem = re.sub(r"^(answer_\w+)_(in_full|in_brief|beside_chance)$", r"\1", name)
            assert re.search(rf"[\"'{{]{stem}[\"'_{{]", code) or stem.startswith("by_") or stem in ("train", "test"), name
    assert set(language("en").messages["figures"]) == set(pictures.PLACED) == set(CAPTIONS)


@pytest.mark.parametrize("name", [name for name in LANGUAGES if name != "en"])
def test_a_translation_is_not_english(name):
    """At most names, units and short technical terms are left as they are."""
    english, translated = (texts(language(lang).messages) for lang in ("en", name))
    left = {path for path, text in translated.items() if text == english.get(path) and len(text.split()) > 2}
    assert left <= {("sentences", "version"), ("sentences", "two_models")}


def test_sentences_are_short():
    for path, text in texts(language("en").messages).items():
        for sentence in re.split(r"(?<=[.:;?]) ", text):
            assert len(sentence.split()) <= 30, path
