"""`emo lens` as a person uses it, on a tiny model."""

import json
import shutil

import pytest
from command import emo, emo_ok

from warehouse.catalog import Catalog
from warehouse.store import Store


@pytest.fixture(scope="module")
def place(workplace, tmp_path_factory):
    root = tmp_path_factory.mktemp("lens")
    (root / "words.toml").write_text('thanks = ["thank", "much", "thank you"]\nrage = ["furious"]\n')
    return workplace._replace(store=shutil.copytree(workplace.store, root / "store"), prompts=root / "words.toml")


def options(place):
    return ["-d", "mine", "-m", place.models[0], "--neutral", "calm", "--store", place.store, "--cache", place.cache]


def test_own_words_beside_permuted_labels(place):
    ran = emo_ok("lens", *options(place), "--words", place.prompts, "--format", "jsonl")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert {(row["emotion"], row["reference"], row["layer"] is None) for row in rows} == {
        (emotion, reference, mean) for emotion in ("thanks", "rage") for reference in ("calm", "others") for mean in (True, False)
    }
    assert all(row["own_words"] is not None and 0 < row["p_value"] <= 1 for row in rows)
    assert "tiny-gpt2, thanks: 2 words of one token; 1 of several are left out" in ran.err
    tokens = Catalog(Store(place.store)).dicts("lens_tokens", reference=["others"], emotion=["rage"], layer=[2])
    assert [row["rank"] for row in tokens] == list(range(1, 21))
    assert [row["z"] for row in tokens] == sorted((row["z"] for row in tokens), reverse=True)
    again = emo_ok("lens", *options(place), "--words", place.prompts)
    assert "loading" not in again.err and "Nearest tokens" in again.out


def test_two_emotions_against_each_other_mirror_each_other(place):
    """With two emotions the directions against the others are opposite, and so are the differences of words: equal values."""
    emo_ok("lens", *options(place), "--words", place.prompts)
    rows = Catalog(Store(place.store)).dicts("own_words_by_layer", reference=["others"])
    values = {(row["emotion"], row["layer"]): row["own_words"] for row in rows}
    for (emotion, layer), value in values.items():
        assert value == pytest.approx(values["rage" if emotion == "thanks" else "thanks", layer], rel=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('thanks = ["thank"]\nrage = ["thank", "furious"]\n', "are the same token"),
        ('thanks = ["thank you"]\nrage = ["furious"]\n', "fewer than two labels have words that are one token"),
        ('thanks = "thank"\n', "thanks is not a list of words"),
    ],
)
def test_words_that_say_nothing_are_refused(place, tmp_path, words, said):
    (tmp_path / "words.toml").write_text(words)
    ran = emo("lens", *options(place), "--words", tmp_path / "words.toml", "--force")
    assert ran.code == 2 and said in ran.err and "next:" in ran.err
