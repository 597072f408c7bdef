"""Names cannot leave the store, and come back as they were from every engine."""

import given as rows  # the helper, not that of hypothesis
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.catalog import Catalog
from warehouse.errors import NameInvalidError
from warehouse.names import quote, unquote
from warehouse.store import Store

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@settings(max_examples=300, deadline=None)
@given(name=NAMES | st.sampled_from(["..", ".", "../x", "/etc", "a/../b", "C:\\x", "x.", "con", "%2E", "a%2Fb", "-x", "~"]))
def test_a_name_is_one_folder_that_gives_it_back(name, tmp_path_factory):
    try:
        quoted = quote(name)
    except NameInvalidError:
        return
    assert unquote(quoted) == name
    root = tmp_path_factory.getbasetemp()
    assert (root / quoted).resolve().parent == root.resolve()
    assert not quoted.startswith(".") and not {"/", "\\", "\0"} & set(quoted)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
def test_rows_come_back_under_any_name(name, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("named") / "store")
    try:
        quote(name)
    except NameInvalidError:
        return
    rows.write_rows(store, "vectors", [{"dataset": name, "model": name, "extraction_id": "1", "vector": [1.0, 2.0]}])
    assert store.read("vectors", dataset=name)["model"].to_pylist() == [name]
    assert [row["model"] for row in Catalog(store).dicts("vectors", dataset=[name])] == [name]
    keys = dict.fromkeys(["dataset", "model", "extraction_id"], pl.String)
    scanned = pl.scan_parquet(store.partitions("vectors")[0].paths(), hive_partitioning=True, hive_schema=keys)
    assert scanned.select("model").collect().to_series().to_list() == [name]


@pytest.mark.parametrize(
    "name", ["", "a\0b", "a" * 300, "ä" * 40, "CON", "nul.txt", "__HIVE_DEFAULT_PARTITION__", "cross_model", "\ud800"]
)
def test_names_that_mean_something_else_are_refused(name):
    with pytest.raises(NameInvalidError):
        quote(name)


def test_names_that_differ_by_case_only_are_refused(tmp_path):
    store = Store(tmp_path)
    rows.write_rows(store, "vectors", [{"dataset": "Mine", "model": "m", "extraction_id": "1", "vector": [1.0, 2.0]}])
    for keys in ({"dataset": "mine", "model": "m"}, {"dataset": "Mine", "model": "M"}):
        with pytest.raises(NameInvalidError, match="differs by case only"):
            rows.write_rows(store, "vectors", [{**keys, "extraction_id": "1", "vector": [1.0, 2.0]}])
    assert len(store.partitions("vectors")) == 1
