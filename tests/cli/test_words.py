"""Pooling word by the command line: who is left out, what a changed list makes again, and what it goes with."""

import pytest
from command import emo, emo_ok

from warehouse.catalog import Catalog
from warehouse.store import Store


@pytest.fixture
def place(workplace, tmp_path):
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", tmp_path / "store")
    words = tmp_path / "words.toml"
    words.write_text('rage = ["furious"]\nthanks = ["thank"]\n')
    return workplace._replace(store=tmp_path / "store", prompts=words)


def extract(place, *more):
    return emo_ok("extract", "-d", "mine", "-m", place.models[0], "--store", place.store, "--cache", place.cache, *more)


def counts(place):
    found = Catalog(Store(place.store)).rows(
        "select pooling, emotion, count(distinct prompt_id) n from activations group by all order by all"
    )
    return [tuple(row.values()) for row in found.to_pylist()]


def test_word_rows_are_of_the_word_s_tokens_and_a_changed_list_makes_them_again(place):
    ran = extract(place, "--pooling", "last", "--pooling", "word", "--words", place.prompts)
    assert "6 of 18 prompts have no tokens for pooling word and are left out (6 calm)" in ran.err
    assert counts(place) == [
        ("last", "calm", 6),
        ("last", "rage", 6),
        ("last", "thanks", 6),
        ("word", "rage", 6),
        ("word", "thanks", 6),
    ]
    store = Store(place.store)
    (first,) = Catalog(store).dicts("extractions")
    assert first["strategy"] == "tree" and first["strategy_error"] < 1e-5 and first["words_sha256"]
    before = {row["prompt_id"]: row["activation"] for row in Catalog(store).dicts("activations", pooling=["word"], layer=[2])}
    assert "0 extractions done" in extract(place, "--pooling", "word", "--words", place.prompts).err
    # "I am furious": another word of the same prompts, which stands before the first
    place.prompts.write_text('rage = ["am"]\nthanks = ["thank"]\n')
    assert "(changed: words)" in extract(place, "--pooling", "word", "--words", place.prompts).err
    (second,) = Catalog(store).dicts("extractions")
    assert second["words_sha256"] != first["words_sha256"] and second["extraction_id"] == first["extraction_id"]
    assert ("last", "calm", 6) in counts(place)
    after = Catalog(store).dicts("activations", pooling=["word"], layer=[2])
    same = {row["emotion"]: row["activation"] == before[row["prompt_id"]] for row in after}
    assert same == {"rage": False, "thanks": True}
    # a list plays no part where no word is asked for
    assert "0 extractions done" in extract(place, "--pooling", "last").err
    emo_ok("verify", "--store", place.store)


def test_prompts_without_any_of_the_words_are_said(place):
    place.prompts.write_text('rage = ["zebra"]\nthanks = ["walrus"]\n')
    base = ["-d", "mine", "-m", place.models[0], "--store", place.store, "--cache", place.cache]
    ran = emo("run", *base, "--pooling", "word", "--words", place.prompts, "--neutral", "calm", "--reference", "others")
    assert ran.code == 2 and "no prompt has a token for pooling word\nnext: --words FILE.toml" in ran.err


def test_word_goes_with_reference_others(place):
    words = ["--pooling", "word", "--words", place.prompts]
    base = ["-d", "mine", "-m", place.models[0], "--store", place.store, "--cache", place.cache]
    ran = emo("run", *base, *words, "--neutral", "calm", "--reference", "calm")
    assert (ran.code, "--reference others" in ran.err) == (2, True)
    assert Catalog(Store(place.store)).dicts("activations") == []
    emo_ok("run", *base, *words, "--neutral", "calm", "--reference", "others", "--no-controls")
    vectors = Catalog(Store(place.store)).dicts("vectors")
    assert {(row["emotion"], row["pooling"], row["n_emotion"]) for row in vectors} == {("rage", "word", 6), ("thanks", "word", 6)}
    # where no pooling is named, those that the reference cannot use are left alone
    extract(place, "--pooling", "last")
    emo_ok("vectors", "-d", "mine", "--store", place.store, "--neutral", "calm", "--reference", "calm")
    assert {row["pooling"] for row in Catalog(Store(place.store)).dicts("vectors", reference=["calm"])} == {"last"}
    assert emo("vectors", "--store", place.store, "--neutral", "calm", "--reference", "calm", "--pooling", "word").code == 2


def test_labels_without_words_are_said(place):
    ran = emo("extract", "-d", "mine", "-m", place.models[0], "--store", place.store, "--cache", place.cache, "--pooling", "word")
    assert ran.code == 2
    assert "pooling word needs words for its labels (calm, rage, thanks)" in ran.err and "--words FILE" in ran.err


def test_a_strategy_can_be_named(place):
    for strategy in ("single", "sorted", "tree"):
        assert f"strategy {strategy}" in extract(place, "--strategy", strategy, "--force").err
        assert Catalog(Store(place.store)).dicts("extractions")[0]["strategy"] == strategy


def test_every_japanese_prompt_with_its_word_has_a_row(place, tmp_path):
    prompts = tmp_path / "ja.csv"
    texts = {"joy": ("とても嬉しいです。", "嬉しい一日だ。"), "rage": ("本当に腹が立つ。", "腹が立つ人だ。")}
    prompts.write_text(
        "text,label\n" + "".join(f"{text},{label}\n" for label, of in texts.items() for text in of), encoding="utf-8"
    )
    words = tmp_path / "ja.toml"
    words.write_text('joy = ["嬉しい"]\nrage = ["腹が立つ"]\n', encoding="utf-8")
    where = ["--store", place.store, "--cache", place.cache]
    emo_ok("datasets", "import", prompts, "--dataset", "ja", *where[:2])
    ran = emo_ok("extract", "-d", "ja", "-m", place.models[0], *where, "--pooling", "word", "--words", words)
    assert "have no tokens" not in ran.err
    rows = Catalog(Store(place.store)).rows(
        "select emotion, count(distinct prompt_id) n from activations where dataset = 'ja' group by 1 order by 1"
    )
    assert rows.to_pylist() == [{"emotion": "joy", "n": 2}, {"emotion": "rage", "n": 2}]
    counted = Catalog(Store(place.store)).rows("select n_words from prompts where dataset = 'ja' order by n_words")
    assert counted["n_words"].to_pylist() == [6, 6, 7, 8]
