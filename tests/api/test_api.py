"""What `import emotion_cli` offers gives what the commands give."""

import inspect
import pydoc
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tiny
from oracle import Oracle

import emotion_cli as emo
from emotion_cli.errors import EmoError
from warehouse.catalog import Catalog
from warehouse.errors import QueryError
from warehouse.library import queries
from warehouse.schema import TABLES
from warehouse.store import Store


def test_vectors_are_those_of_the_store(workplace):
    frame = emo.open(workplace.store).vectors(model="tiny-gpt2", emotion="rage", layer=[1, 3], reference="calm")
    stored = Catalog(Store(workplace.store)).dicts(
        "vectors",
        model=["tiny-gpt2"],
        emotion=["rage"],
        layer=[1, 3],
        reference=["calm"],
        pooling=["last"],
        method=["mean_difference"],
    )
    assert frame.to_dicts() == stored and frame["layer"].to_list() == [1, 3]
    matrix = frame["vector"].to_numpy()
    assert matrix.dtype == np.float32 and matrix.shape == (2, 32)


def test_vectors_of_several_widths_stay_lists(workplace):
    frame = emo.open(workplace.store).vectors(reference="calm")
    assert {len(vector) for vector in frame["vector"]} == {32, 64}


def test_sql_takes_values(workplace):
    results = emo.open(workplace.store)
    counted = results.sql("select model, count(*) n from vectors where emotion = ? group by all order by all", ["rage"])
    assert counted["model"].to_list() == ["tiny-gpt2", "tiny-neox", "tiny-wide"]
    with pytest.raises(QueryError, match="one SELECT"):
        results.sql("drop table vectors")


def test_texts_are_read_as_an_extraction_reads_them(workplace):
    texts = ["thank you the bus .", "the bus"]
    values = emo.read(texts, model=workplace.models[0], layers=[0, 2], cache=workplace.cache)
    assert values.shape == (2, 2, 32) and values.dtype == np.float32
    oracle = Oracle(workplace.models[0], "gpt2")
    ids = [[0, *(tiny.VOCABULARY[word] for word in text.split())] for text in texts]
    for i, row in enumerate(ids):
        assert oracle.excess(values[:, i], row, [len(row) - 1], [0, 2]) <= 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"texts": "hello"}, "a list of one or more texts"),
        ({"texts": []}, "a list of one or more texts"),
        ({"texts": ["the bus", ""]}, r"texts\[1\]"),
        ({"texts": ["the bus", 3]}, r"texts\[1\]: 3 is not a text"),
        ({"pooling": "lest"}, "did you mean last"),
        ({"pooling": "word"}, "pooling: 'word' is not one of"),
        ({"layers": [-1]}, "-1 is not one of 0 to 3"),
        ({"layers": [4]}, "4 is not one of 0 to 3"),
        ({"layers": "0-2"}, "'0-2' is not one of 0 to 3"),
        ({"layers": [True]}, "True is not one of 0 to 3"),
        ({"layers": []}, "at least one"),
        ({"layers": [1, 1]}, "distinct"),
        ({"model": None}, "model: None is not a name"),
        ({"model": ""}, "model: '' is not a name"),
        ({"dtyp": "float32"}, "did you mean dtype"),
        ({"dtype": "float31"}, "dtype"),
        ({"pooling": "mean", "bos": "never", "texts": ["bus"]}, "no token of 'bus' is read by pooling mean"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(workplace, given, said):
    arguments = {"texts": ["the bus"], "model": str(workplace.models[0]), "cache": workplace.cache} | given
    with pytest.raises(EmoError, match=said):
        emo.read(**arguments)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "tiny-gtp2"}, "model: 'tiny-gtp2' is not one of .*; did you mean tiny-gpt2"),
        ({"layer": 99}, "layer: '99' is not one of 0, 1"),
        ({"layer": True}, "layer: 'True' is not one of 0, 1"),
        ({"layer": []}, "layer: the list is empty"),
        ({"reference": "neutral"}, "reference: 'neutral' is not one of calm"),
    ],
)
def test_a_value_that_no_vector_has_is_refused(workplace, given, said):
    with pytest.raises(EmoError, match=said):
        emo.open(workplace.store).vectors(**{"reference": "calm"} | given)


@pytest.mark.parametrize(
    ("query", "values", "said"),
    [
        ("best_layer_by_emotion", (), "did you mean best_layers_by_emotion"),
        ("vectors", (), "vectors is a table"),
        ("best_layers_by_emotion", [1], "has no values"),
        ("select ?", 18, "values: a list or a dictionary is expected, not 18"),
        ("select ?", "18", "values: a list or a dictionary is expected, not '18'"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(workplace, query, values, said):
    with pytest.raises(EmoError, match=said):
        emo.open(workplace.store).sql(query, values)


def test_results_say_of_which_store_they_are():
    assert repr(emo.open(".")) == "emotion_cli.open('.')"


def test_texts_may_come_one_by_one_and_queries_by_name(workplace):
    texts = ["thank you the bus .", "the bus"]
    options = {"model": str(workplace.models[0]), "cache": workplace.cache}
    np.testing.assert_array_equal(emo.read(iter(texts), **options), emo.read(texts, **options))
    assert len(emo.open(workplace.store).sql("best_layers_by_emotion"))


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(EmoError, match="no store at"):
        emo.open(tmp_path / "none")
    with pytest.raises(AttributeError):
        emo.nothing  # noqa: B018


def test_the_package_is_imported_without_torch_or_duckdb():
    script = "import emotion_cli, sys; assert not {'torch', 'duckdb', 'polars'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_help_shows_all_that_is_offered_and_its_lines_run(workplace, monkeypatch):
    text = pydoc.plain(pydoc.render_doc(emo))
    assert {"open", "read", "Results"} == set(emo.__all__) <= set(dir(emo))
    for name in ("class Results", "sql(self, query", "vectors(self, *,", "open(store", "read(texts"):
        assert name in text
    for offered in (emo.Results, emo.Results.sql, emo.Results.vectors, emo.open, emo.read):
        assert (
            inspect.getdoc(offered) in re.sub(r"^[ |]+", "", text, flags=re.MULTILINE) or offered.__doc__.split("\n")[0] in text
        )
    lines = textwrap.dedent("\n".join(line for line in emo.__doc__.splitlines() if line.startswith("    ")))
    named = {"smollm2-135m": "tiny-gpt2", "extended": "mine", "anger": "rage", '"store"': repr(str(workplace.store))}
    for shown, there in {**named, "18": "2", 'emotion="rage"': 'emotion="rage", reference="calm"'}.items():
        lines = lines.replace(shown, there)
    monkeypatch.chdir(workplace.models[0].parent)
    names = {}
    exec(lines.replace("layers=[2]", f"layers=[2], cache={str(workplace.cache)!r}"), names)
    assert len(names["quality"]) and len(names["best"]) and names["matrix"].shape == (4, 32)
    expected = names["states"][0, 0] @ names["matrix"][2] / np.linalg.norm(names["matrix"][2])
    np.testing.assert_allclose(names["along"], [expected], rtol=1e-5)


def test_the_names_of_tables_and_columns_can_be_asked_for(workplace):
    results = emo.open(workplace.store)
    assert {*TABLES, *queries()} == set(results.sql("show tables")["name"])
    assert results.sql("describe vectors")["column_name"].to_list() == list(TABLES["vectors"].column_names)
    (close,) = results.sql("select cosine(vector, vector) from vectors where layer = $layer limit 1", {"layer": 1}).row(0)
    assert close == pytest.approx(1)


def test_one_layer_may_be_a_number(workplace):
    options = {"model": str(workplace.models[0]), "cache": workplace.cache}
    np.testing.assert_array_equal(emo.read(["the bus"], layers=2, **options), emo.read(["the bus"], layers=[2], **options))
