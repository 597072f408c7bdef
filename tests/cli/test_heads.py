"""`emo heads` as a person uses it, on a tiny model."""

import json
import re
import shutil

import pytest
from command import emo, emo_ok

from warehouse.catalog import Catalog
from warehouse.store import Store


@pytest.fixture(scope="module")
def place(workplace, tmp_path_factory):
    root = tmp_path_factory.mktemp("heads")
    store = shutil.copytree(workplace.store, root / "store")
    texts = {"thanks": "{} , thank you so much .", "rage": "{} , I am furious today !", "calm": "{} , the bus is of a ."}
    rows = [
        {"text": text.format(topic), "emotion": emotion, "topic": topic}
        for topic in ["so", "you", "the bus", "today", "much of", "and a"]
        for emotion, text in texts.items()
    ]
    (root / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    emo_ok("datasets", "import", root / "new.jsonl", "--dataset", "new", "--role", "test", "--store", store)
    return workplace._replace(store=store)


def options(place):
    return ["-d", "mine", "-m", place.models[0], "--neutral", "calm", "--store", place.store, "--cache", place.cache]


def test_shares_add_up_and_agree_with_the_extraction(place):
    ran = emo_ok("heads", *options(place), "--on", "new", "--layer", 3, "--format", "json")
    rows = json.loads(ran.out)
    assert "parts add up to the state" in ran.err
    for emotion in ("rage", "thanks"):
        for reference in ("calm", "others"):
            members = [row for row in rows if (row["emotion"], row["reference"]) == (emotion, reference)]
            parts = [row for row in members if row["component"] != "total"]
            assert len(parts) == 1 + 3 * (4 + 2)
            (total,) = (row for row in members if row["component"] == "total")
            assert sum(row["value"] for row in parts) == pytest.approx(total["value"], abs=1e-4)
            assert sum(row["share"] for row in parts) == pytest.approx(1, abs=1e-4)
    # the whole is what the stored vector gives on the extracted texts
    emo_ok("extract", "-d", "new", "-m", place.models[0], "--store", place.store, "--cache", place.cache)
    whole = (
        Catalog(Store(place.store))
        .rows(
            "select a.emotion, avg(list_dot_product(a.activation::float[], v.vector::float[]) / v.l2_norm) as along "
            "from activations a join vectors v on v.dataset = 'mine' and v.model = a.model and v.layer = a.layer "
            "and v.method = 'mean_difference' and v.reference = 'calm' and v.pooling = a.pooling and v.emotion = 'rage' "
            "where a.dataset = 'new' and a.layer = 3 and a.pooling = 'last' group by all"
        )
        .to_pylist()
    )
    along = {row["emotion"]: row["along"] for row in whole}
    (total,) = (row for row in rows if (row["emotion"], row["reference"], row["component"]) == ("rage", "calm", "total"))
    assert along["rage"] - along["calm"] == pytest.approx(total["value"], abs=1e-3)


def test_people_see_the_largest_parts_and_a_figure_is_drawn(place):
    ran = emo_ok("heads", *options(place), "--on", "new", "--layer", 3, "-e", "rage")
    assert len(re.findall(r"\btotal\b", ran.out)) == 2
    assert len(re.findall(r"\b(?:head|mlp|embedding|bias) +(?:[0-9]|NULL)", ran.out)) == 10
    (folder,) = (place.store / "figures" / "mine" / "tiny-gpt2").glob("heads=new*emotion=rage*")
    assert {path.suffix for path in folder.glob("heads_*")} == {".png", ".svg"}
    emo_ok("verify", "--store", place.store)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--on", "mine"], "it is a training set"), (["--on", "new", "--layer", "0"], "--layer 0: no block has written there yet")],
)
def test_what_cannot_be_split_is_said(place, words, said):
    ran = emo("heads", *options(place), *words)
    assert ran.code == 2 and said in ran.err
