"""Recipes: what they set, who wins over them, and that a store made by one answers to it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import emo, emo_ok

from emotion_cli.errors import UsageError
from emotion_cli.recipes import shipped
from emotion_cli.settings import layer_numbers, parse_layers, resolve
from warehouse.catalog import Catalog
from warehouse.store import Store


def test_the_recipes_that_ship_are_those_of_the_methods():
    assert list(shipped()) == ["default", "report", "concepts"]
    assert resolve({"recipe": "default"}, environment={}, folder=Path("/")) == resolve(
        {}, environment={}, folder=Path("/")
    ).__class__(sources={"recipe": "--recipe"})
    report = resolve({"recipe": "report"}, environment={}, folder=Path("/"))
    assert (report.bos, report.layer, report.over_layers, report.pooling) == ("always", ("resid_pre",), "resid_pre", ("last",))
    assert (report.method, report.reference) == ("mean_difference_centred", "neutral")
    concepts = resolve({"recipe": "concepts"}, environment={}, folder=Path("/"))
    assert (concepts.pooling, concepts.reference, concepts.method) == (("mean",), "others", "neutral_pcs_removed")


def test_flag_environment_file_recipe_default_in_this_order(tmp_path):
    (tmp_path / "emo.toml").write_text("method = 'mean_difference'\ndraws = 500\n")
    environment = {"EMO_RECIPE": "report", "EMO_DRAWS": "600"}
    found = resolve({"reference": "joy"}, environment=environment, folder=tmp_path)
    assert (found.reference, found.sources["reference"]) == ("joy", "--reference")
    assert (found.draws, found.sources["draws"]) == (600, "EMO_DRAWS")
    assert (found.method, found.sources["method"]) == ("mean_difference", "emo.toml")
    assert (found.bos, found.sources["bos"]) == ("always", "recipe report")
    assert found.seed == 0 and "seed" not in found.sources
    assert resolve({"recipe": "concepts"}, environment=environment, folder=tmp_path).bos == "auto"


def test_own_recipes_in_a_settings_file_and_in_a_file_of_their_own(tmp_path):
    (tmp_path / "emo.toml").write_text("[recipe.mine]\nabout = 'a'\nlayer = [0, 'resid_post']\ndraws = 900\n")
    (tmp_path / "other.toml").write_text("seed = 3\n")
    found = resolve({"recipe": "mine"}, environment={}, folder=tmp_path)
    assert (found.layer, found.draws, found.sources["draws"]) == ((0, "resid_post"), 900, "recipe mine")
    assert resolve({"recipe": str(tmp_path / "other.toml")}, environment={}, folder=tmp_path).seed == 3
    rows = json.loads(emo_ok("info", "--recipes", "--format", "json", cwd=tmp_path).out)
    assert [row["recipe"] for row in rows] == ["default", "report", "concepts", "mine"]
    assert rows[-1] == {"recipe": "mine", "source": "emo.toml", "sets": "layer 0 resid_post, draws 900", "about": "a"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[recipe.x]\nstor = 1\n", "it cannot set 'stor'"),
        ("[recipe.x]\nstore = 'a'\n", "it cannot set 'store'"),
        ("[recipe.x]\nrecipe = 'report'\n", "it cannot set 'recipe'"),
        ("[recipe]\nx = 1\n", "'x' is not a table"),
        ("[recipe.x]\nbos = 'maybe'\n", "recipe x: 'maybe' is not one of"),
        ("[recipe.x]\ndraws = 0\n", "recipe x: 0 is too small for draws"),
        ("", "--recipe: 'x' is not one of"),
    ],
)
def test_faults_of_recipes_name_them(text, said, tmp_path):
    (tmp_path / "emo.toml").write_text(text)
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        resolve({"recipe": "x"}, environment={}, folder=tmp_path)


def test_an_unknown_recipe_names_the_place_that_asks_for_it(tmp_path):
    with pytest.raises(UsageError, match=r"^EMO_RECIPE: 'gone' is not one of default, report, concepts$"):
        resolve({}, environment={"EMO_RECIPE": "gone"}, folder=tmp_path)
    (tmp_path / "emo.toml").write_text("recipe = 'gone.toml'\n")
    with pytest.raises(UsageError, match=r"^emo.toml: gone.toml: not readable as TOML"):
        resolve({}, environment={}, folder=tmp_path)
    # the next command of those messages works although the setting is still wrong
    assert emo("info", "--recipes", EMO_RECIPE="gone").code == 0


def test_a_recipe_file_that_is_not_there_is_said(tmp_path):
    ran = emo("info", "--recipe", "gone.toml", cwd=tmp_path)
    assert ran.code == 2 and "gone.toml" in ran.err and "emo info --recipes" in ran.err


def test_named_layers_depend_on_the_depth():
    assert parse_layers("--layer", "7,0-2,resid_pre") == (0, 1, 2, 7, "resid_pre")
    assert layer_numbers(("resid_pre",), 12) == list(range(12))
    assert layer_numbers(("resid_post",), 12) == list(range(1, 13))
    assert layer_numbers((0, "resid_post"), 3) == [0, 1, 2, 3]
    assert layer_numbers((4, 2), None) == [2, 4]
    with pytest.raises(UsageError, match="depth is unknown"):
        layer_numbers(("resid_pre",), None)


def only_page(store):
    """The one report of a selection or another way, as Markdown."""
    (path,) = (store / "reports").glob("*.md")
    return path


def test_a_run_with_a_recipe_makes_what_it_says_and_answers_to_it(workplace, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(workplace.store, store)
    models = ["-m", workplace.models[0], "-m", workplace.models[2]]
    words = ["-d", "mine", "--recipe", "report", "--reference", "calm", "--neutral", "calm", "--store", store]
    ran = emo_ok("run", *words, *models, "--no-controls", "--cache", workplace.cache)
    # the second model has no LayerNorm; that is said, in the report too
    assert "tiny-wide: centred activations" in ran.err and "tiny-gpt2: centred" not in ran.err
    said = next(line for line in only_page(store).read_text().splitlines() if "takes the mean over dimensions away" in line)
    assert "tiny-wide" in said and "tiny-gpt2" not in said
    catalog = Catalog(Store(store))
    made = {row["model"]: row for row in catalog.dicts("extractions") if row["bos"] == "always"}
    assert {model: row["layers"] for model, row in made.items()} == {"tiny-gpt2": [0, 1, 2], "tiny-wide": [0, 1]}
    vectors = catalog.dicts("vectors", extraction_id=[made["tiny-gpt2"]["extraction_id"]])
    assert {(row["method"], row["layer"], row["averaged"]) for row in vectors} == {
        ("mean_difference_centred", layer, True) for layer in range(3)
    }
    plain = catalog.dicts(
        "vectors", model=["tiny-gpt2"], method=["mean_difference"], pooling=["last"], layer=[2], emotion=["rage"]
    )
    (own,) = [row for row in vectors if row["layer"] == 2 and row["emotion"] == "rage"]
    expected = np.array(plain[0]["vector"]) - np.mean(plain[0]["vector"])
    np.testing.assert_allclose(own["vector"], expected, atol=1e-6)
    (mean,) = catalog.dicts("within_model_similarity_by_model", extraction_id=[made["tiny-gpt2"]["extraction_id"]])
    assert mean["n_layers_averaged"] in (2, 3)
    # a newer extraction without the recipe is there; the recipe finds its own
    emo_ok("extract", "-d", "mine", "-m", workplace.models[0], "--bos", "never", "--store", store, "--cache", workplace.cache)
    emo_ok("compare", *words, "-m", "tiny-gpt2")
    again = catalog.rows("select distinct extraction_id from vectors where method = 'mean_difference_centred'").num_rows
    assert again == 2
    missing = emo("compare", "--recipe", "report", "-m", "tiny-neox", "--store", store)
    assert missing.code == 3 and "bos always" in missing.err and "emo extract -m tiny-neox --recipe report" in missing.plain


def test_a_method_that_needs_neutral_prompts_says_so(workplace):
    ran = emo("vectors", "--recipe", "concepts", "--pooling", "last", "--store", workplace.store)
    assert ran.code == 2 and "two neutral prompts at least" in ran.err and "--neutral" in ran.err
