"""What `import emotion_cli` offers gives what the commands give."""

import subprocess
import sys

import numpy as np
import pytest
import tiny
from oracle import Oracle

import emotion_cli as emo
from emotion_cli.errors import EmoError
from warehouse.catalog import Catalog
from warehouse.errors import QueryError
from warehouse.store import Store


def test_vectors_are_those_of_the_store(workplace):
    frame = emo.open(workplace.store).vectors(model="tiny-gpt2", emotion="rage", layer=[1, 3], reference="calm")
    stored = Catalog(Store(workplace.store)).dicts(
        "vectors", model=["tiny-gpt2"], emotion=["rage"], layer=[1, 3], reference=["calm"], pooling=["last"]
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
    values = emo.read(texts, model=str(workplace.models[0]), layers=[0, 2], cache=workplace.cache)
    assert values.shape == (2, 2, 32) and values.dtype == np.float32
    oracle = Oracle(workplace.models[0], "gpt2")
    ids = [[0, *(tiny.VOCABULARY[word] for word in text.split())] for text in texts]
    for i, row in enumerate(ids):
        assert oracle.excess(values[:, i], row, [len(row) - 1], [0, 2]) <= 1


def test_what_is_wrong_is_said(workplace, tmp_path):
    with pytest.raises(EmoError, match="no store at"):
        emo.open(tmp_path / "none")
    with pytest.raises(EmoError, match="pooling"):
        emo.read(["a"], model=str(workplace.models[0]), pooling="lest")
    with pytest.raises(AttributeError):
        emo.nothing  # noqa: B018


def test_the_package_is_imported_without_torch_or_duckdb():
    script = "import emotion_cli, sys; assert not {'torch', 'duckdb', 'polars'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
