"""`emo sql` without its manual: what may be run, parameters, standard input, and errors that say what to do."""

import io
import json
import sys

import pytest
from command import emo, emo_ok

QUERY = "within_model_similarity_by_model"


@pytest.fixture
def sql(workplace):
    """The rows of a statement, or its error."""

    def run(*words, **changes):
        return emo("sql", *words, "--store", workplace.store, **changes)

    return run


def rows(ran):
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


@pytest.mark.parametrize(
    ("statement", "n_rows"),
    [
        ("pivot (select dataset, emotion from prompts) on emotion using count(*)", 1),
        ("select * from (pivot (select dataset, emotion from prompts) on emotion using count(*))", 1),
        ("from prompts limit 2", 2),
        ("describe vectors", None),
        ("summarize prompts", None),
        ("show tables", None),
        ("explain select 1", 1),
        (" -- why\n explain select count(*) from prompts", 1),
        ("values (1), (2)", 2),
    ],
)
def test_what_reads_is_run(workplace, statement, n_rows):
    found = rows(emo("sql", "--format", "json", "--", statement, EMO_STORE=str(workplace.store)))
    assert found and n_rows in (None, len(found))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("explain analyze select 1", "EXPLAIN is for a SELECT, without ANALYZE"),
        ("explain /* */ analyze select 1", "without ANALYZE"),
        ("explain (analyze, format json) select 1", "without ANALYZE"),
        ("EXPLAIN (format json) select 1", "without ANALYZE and other options"),
        ("explain create table x (i int)", "EXPLAIN is for a SELECT"),
        ("explain copy (select 1) to 'pivot'", "EXPLAIN is for a SELECT"),
        ("create table x (pivots int)", "not a statement of kind CREATE"),
        ("copy (select 1) to 'pivot'", "not a statement of kind COPY"),
        ("install spatial", "not a statement of kind LOAD"),
        ("attach 'x.db'", "not a statement of kind ATTACH"),
        ("set threads to 1", "not a statement of kind SET"),
        ("select 1; select 2", "one SELECT is expected, and 2 are given"),
        (";", "one SELECT is expected, and none is given"),
        ("import database 'pivot'", "one SELECT is expected"),
    ],
)
def test_what_does_more_is_refused(sql, statement, said):
    ran = sql(statement)
    assert (ran.code, ran.out) == (2, "") and said in ran.err and "not 1 statements" not in ran.err


def test_explain_is_shown_as_it_is_drawn(sql):
    assert "│ Projections: 1 │" in sql("explain select 1", COLUMNS="80").out


def test_parameters_have_the_type_that_they_look_like(sql):
    statement = "select $a + 1 as a, $b || '!' as b, $c * 2 as c, $d as d"
    found = rows(sql(statement, "-p", "a=18", "-p", "b=x = y", "-p", "c=0.5", "--param", "d='7'", "--format", "json"))
    assert found == [{"a": 19, "b": "x = y!", "c": 1.0, "d": "7"}]
    quoted = "it's; drop table x --"
    assert rows(sql("select $q as q", "-p", f"q={quoted}", "--format", "json")) == [{"q": quoted}]


@pytest.mark.parametrize(
    ("words", "said", "then"),
    [
        (("select $a",), "$a stands in the statement and has no value", "--param a=VALUE"),
        (("select 1", "-p", "a=1"), "no parameter stands in the statement", "$NAME"),
        (("select $a", "-p", "a=1", "-p", "b=2"), "$b does not stand in the statement", "emo sql --help"),
        (("select $a", "-p", "a"), "--param: 'a' is not NAME=VALUE", "--param layer=18"),
        (("select $a", "-p", "1=a"), "--param: '1=a' is not NAME=VALUE", "--param layer=18"),
        (("select $a", "-p", "a=1", "-p", "a=2"), "a is given twice", "--param a=2"),
        ((QUERY, "-p", "a=1"), f"{QUERY} has no parameters", "where"),
        (
            ("select * from vectorz",),
            "no table or query is called 'vectorz'; did you mean vectors?",
            "emo sql 'select * from vectors'",
        ),
        (("vectorz",), "did you mean vectors?", 'emo sql "select * from vectors"'),
        (("vector_norms",), "did you mean vector_norms_by_layer?", "emo sql vector_norms_by_layer"),
        (("select 1 where 1 = $n", "-p", "n=two"), "--param n=two: a number is expected where $n stands", "--param n=18"),
        (
            ("select 1 where current_date = $d", "-p", "d=two"),
            "a value of type DATE is expected where $d stands",
            "--param d=VALUE",
        ),
        (("select * from st_read('x')",), "the DuckDB extension spatial, which is not loaded", "emo sql --unsafe"),
        (("select * from read_csv('/etc/passwd')",), "only the store is read", "--unsafe"),
        (("gone.sql",), "gone.sql: the file cannot be read: No such file", "emo sql --list"),
        (("-",), "standard input is empty", "emo sql - < FILE.sql"),
    ],
    ids=str,
)
def test_errors_say_what_to_do(sql, monkeypatch, words, said, then):
    monkeypatch.setattr(sys, "stdin", io.StringIO(" \n"))
    ran = sql(*words)
    hint = ran.plain.split("next: ")[1]
    assert (ran.code, ran.out) == (2, "") and said in ran.err and then in hint


def test_an_extension_that_cannot_be_installed_is_no_damage(sql):
    ran = sql("--unsafe", "load no_such_extension")
    assert ran.code == 2 and "an extension of DuckDB is not installed" in ran.err and "damaged" not in ran.err


def test_standard_input_is_read(sql, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 5 as five\n"))
    assert sql("-", "--format", "csv").out == "five\n5\n"


def pairs(ran):
    return {(row["emotion_a"], row["emotion_b"]) for row in rows(ran)}


def test_one_of_a_pair_is_enough_and_two_are_both(sql):
    assert pairs(sql(QUERY, "-e", "rage", "--format", "json")) == {("rage", "thanks")}
    assert pairs(sql(QUERY, "-e", "rage", "-e", "thanks", "--format", "json")) == {("rage", "thanks")}
    across = "cross_model_similarity_by_layer"
    one = rows(sql(across, "-m", "tiny-gpt2", "--format", "json"))
    both = rows(sql(across, "-m", "tiny-gpt2", "-m", "tiny-neox", "--format", "json"))
    assert one == both and {(row["model_a"], row["model_b"]) for row in one} == {("tiny-gpt2", "tiny-neox")}


def test_rows_of_several_fits_are_said(sql):
    ran = sql("cross_model_alignment_by_emotion", "--format", "json")
    fits = sorted({row["fit"] for row in rows(ran)})
    assert len(fits) > 1 and f"rows of several: fit {', '.join(fits)}" in ran.err
    said = ran.err.split("for one of each: ")[1].split('"')[1]
    assert {row["fit"] for row in rows(sql(said, "--format", "json"))} == {"ridge"}
    assert "rows of several" not in sql("cross_model_alignment_by_emotion", "--quiet").err


def test_the_statement_for_one_of_each_keeps_the_filters_and_takes_what_is_usual(sql):
    ran = sql("direction_quality_by_layer", "-m", "tiny-gpt2", "-e", "rage", "--layer", "1-2", "--format", "json")
    said = ran.err.split("for one of each: ")[1].split('"')[1]
    found = rows(sql(said, "--format", "json"))
    assert found and {(row["model"], row["emotion"]) for row in found} == {("tiny-gpt2", "rage")}
    assert {row["layer"] for row in found} == {1, 2} and {row["method"] for row in found} == {"mean_difference"}
    assert "rows of several" not in sql(said).err and len(found) < len(rows(ran))


def test_filters_that_leave_nothing_are_said_with_what_there_is(sql):
    ran = sql("cross_model_similarity_by_layer", "-m", "tiny-wide", "--format", "csv")
    assert "no rows with -m tiny-wide; what there is: emo sql" in ran.plain
    said = ran.err.split("what there is: ")[1].split('"')[1]
    assert {(row["model_a"], row["model_b"]) for row in rows(sql(said, "--format", "json"))} == {("tiny-gpt2", "tiny-neox")}


def test_numbers_that_json_does_not_have_are_counted(sql):
    statement = "select [1.5, 'inf'::double] as a, 'nan'::double as b, 2.0::double as c"
    ran = sql(statement, "--format", "json")
    assert rows(ran) == [{"a": [1.5, None], "b": None, "c": 2.0}]
    assert "2 numbers that JSON has no word for (NaN, infinity) became null" in ran.err
    assert "became" not in sql("select 1.5 as a", "--format", "json").err + sql(statement, "--format", "csv").err
    assert "inf" in sql("select 'inf'::double as a", "--format", "csv").out


def test_every_bundled_query_is_found_by_its_name_alone(workplace):
    from warehouse.catalog import Catalog
    from warehouse.library import mentioned, queries
    from warehouse.store import Store

    store = Store(workplace.store)
    assert [query.name for query in mentioned("select 1")] == []
    for name in queries():
        text = f'select count(*) from "{name.upper()}"'
        assert Catalog(store, text=text).rows(text).equals(Catalog(store).rows(text))


def test_what_there_is_is_listed_whole(workplace):
    names = json.loads(emo_ok("sql", "show tables", "--store", workplace.store, "--format", "json").out)
    assert {"vectors", QUERY} <= {row["name"] for row in names}
    statement = "select * from query_table('vector_' || 'norms_by_layer') limit 1"
    assert emo_ok("sql", statement, "--store", workplace.store, "--format", "csv").out.count("\n") == 2


def test_sums_are_numbers(sql):
    assert rows(sql("select sum(layer) as n from vectors where layer = 1", "--format", "json"))[0]["n"] > 0


def test_columns_are_chosen_in_every_format(sql):
    assert sql("select 1 as a, 2 as b, 3 as c", "--columns", "c, a", "--format", "csv").out == "c,a\n3,1\n"
    ran = sql("select 1 as alpha", "--columns", "alhpa")
    assert ran.code == 2 and "--columns: 'alhpa' is not one of alpha; did you mean alpha?" in ran.err


def test_nothing_is_coloured(workplace):
    for words in (("sql", "selec 1"), ("sql", "select 1"), ("sql", "--help"), ("tables",)):
        ran = emo(*words, *(() if "--help" in words else ("--store", workplace.store)), own_process=True, NO_COLOR="1")
        assert "\x1b" not in ran.out + ran.err
    assert emo_ok("sql", "select null as a", "--store", workplace.store).out == "a\n----\nNULL\n"
