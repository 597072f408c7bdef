"""`emo sql`: ad hoc SQL, a file of it, or a bundled query, over the store."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emotion_cli.cli.cells import NULL
from emotion_cli.cli.completion import SUGGESTIONS
from emotion_cli.cli.filters import columns_by_setting, matches
from emotion_cli.cli.next_step import FILTERS
from emotion_cli.cli.options import ROWS, Start, refuse_no_store, takes
from emotion_cli.errors import UsageError
from emotion_cli.settings import as_options
from emotion_cli.suggestions import did_you_mean, nearest, unknown

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.errors import QueryError

VARIANTS = {
    "fit": "ridge",
    "mapping": None,
    "method": "mean_difference",
    "reference": "neutral",
    "pooling": "last",
    "control": None,
    "measure": None,
}
"""Columns whose values say how a number was made, each with its usual value; rows of several are easily taken for one."""

LISTS = re.compile(r"\b(show|duckdb_\w+|information_schema|pg_\w+|sqlite_\w+)\b", re.IGNORECASE)
"""What lists the tables and queries there are, so that all of them are declared."""

STDIN = "-"

NUMBERS = ("INT8", "INT16", "INT32", "INT64", "INT128", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE")
"""Types of DuckDB, as its errors name them, that a person calls a number."""

NOT_CONVERTED = re.compile(
    r"Could not convert string '(?P<text>.*?)' to (?P<type>\w+)" r'|invalid (?P<kind>\w+) field format: "(?P<field>.*?)"',
    re.DOTALL,
)
"""How DuckDB says that a text is not of a type."""

Statement = Annotated[
    str | None,
    typer.Argument(
        help="A SELECT, a file that ends in .sql, - for standard input, or a bundled query's name.",
        show_default=False,
        autocompletion=SUGGESTIONS["query"],
    ),
]
Parameter = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="NAME=VALUE", help="What $NAME stands for in the SELECT, repeatable."),
]
ListQueries = Annotated[bool, typer.Option("--list", help="List the bundled queries.")]
Unsafe = Annotated[
    bool, typer.Option("--unsafe", help="Any statements over any files, with your rights; only for SQL that you wrote.")
]


@takes("dataset", "model", "emotion", "layer", "store", *ROWS, "quiet")
def sql(
    start: Start, statement: Statement = None, param: Parameter = None, list_: ListQueries = False, unsafe: Unsafe = False
) -> None:
    """Run SQL over the stored tables and the bundled queries; the options -d, -m, -e and --layer filter bundled queries.

    Of two models, datasets or emotions that a row compares, one that is named is enough; of several named ones, both must be.
    """
    settings = start.settings
    from warehouse.library import queries

    if list_ and statement:
        raise UsageError("--list: it lists the bundled queries and runs no statement", hint="leave one of them out")
    if list_:
        start.rows.write_records(
            [{"query": query.name, "about": query.doc, "grain": ", ".join(query.grain)} for _, query in sorted(queries().items())]
        )
        return
    if not statement:
        raise UsageError("nothing to run", hint="emo sql --list")
    if any(isinstance(layer, str) for layer in settings.layer):
        raise UsageError("--layer: a query filters by numbers of layers", hint="--layer 0-11")
    name, values = statement.strip(), _values(param or ())
    if name in queries() and values:
        raise UsageError(f"--param: {name} has no parameters", hint=f'emo sql "select * from {name} where ..."')
    if name in queries():
        start.rows.write(_bundled(start, name), queries()[name].grain)
    else:
        start.rows.write(_of_text(start, name, values, unsafe=unsafe))


def _of_text(start: Start, name: str, values: Mapping[str, Any], *, unsafe: bool) -> "pa.Table":
    from warehouse.catalog import Catalog
    from warehouse.errors import QueryError

    text = _text(name)
    given = [option for option in FILTERS if start.settings.sources.get(option) == f"--{option}"]
    if given:
        raise UsageError(f"--{given[0]} filters bundled queries only", hint="put a WHERE into the statement")
    refuse_no_store(start.settings)
    try:
        with suppress(QueryError):
            if not unsafe and not LISTS.search(text):
                return Catalog(start.store, text=text).rows(text, values)
        return Catalog(start.store, unsafe=unsafe).rows(text, values)
    except QueryError as error:
        raise _explained(error, name, values) or error from error


def _bundled(start: Start, name: str) -> "pa.Table":
    from warehouse.catalog import Catalog

    refuse_no_store(start.settings)
    catalog = Catalog(start.store)
    columns = columns_by_setting(catalog, name)
    values = {option: getattr(start.settings, option) for option in FILTERS if getattr(start.settings, option)}
    for option in values:
        if option not in columns:
            raise UsageError(f"--{option}: {name} has no column {option}", hint=f"emo tables {name}")
    if values:
        # here, for it loads what a query alone does not need
        from emotion_cli.job.known import names_of, refuse_unknown_filters

        refuse_unknown_filters(start.store, start.settings)
        values["model"] = names_of(start.store, start.settings)
    where, bound = matches({option: (columns[option], chosen) for option, chosen in values.items() if chosen})
    selected = catalog.rows(f'select * from "{name}"{where} order by all', bound)
    if not selected.num_rows:
        _say_none(start, name, [column for option in values for column in columns[option]])
    _say_variants(start, f"from {name}{_filled(where, bound)}", selected)
    return selected


def _say_none(start: Start, name: str, filtered: Sequence[str]) -> None:
    """A note that no row was selected and, where filters did it, the statement that lists what could be."""
    if not filtered:
        start.console.note(f"{name}: no rows")
        return
    there = f"select distinct {', '.join(filtered)} from {name} order by all"
    start.console.note(f"{name}: no rows with{as_options(start.settings, FILTERS)}; what there is: emo sql {_quoted(there)}")


def _say_variants(start: Start, statement: str, rows: "pa.Table") -> None:
    """A note of the columns that say how a number was made, where they have several values, and a statement for one of each."""
    present = [column for column in VARIANTS if column in rows.column_names]
    records = [*zip(*(rows[column].to_pylist() for column in present), strict=True)]
    said = []
    left = records
    for place, column in enumerate(present):
        values = _distinct(record[place] for record in records)
        if len(values) < 2:
            continue
        said.append(f"{column} {', '.join(value or NULL for value in values)}")
        # among those that are left: another combination may have no row
        possible = _distinct(record[place] for record in left)
        chosen = VARIANTS[column] if VARIANTS[column] in possible else possible[0]
        left = [record for record in left if record[place] == chosen]
        clause = f"{column} is null" if chosen is None else f"{column} = {_literal(chosen)}"
        statement += f" {'and' if ' where ' in statement else 'where'} {clause}"
    if said:
        start.console.note(f"rows of several: {'; '.join(said)}; for one of each: emo sql {_quoted(statement)}")


def _distinct(values: Iterable[str | None]) -> list[str | None]:
    """Different values in order, NULL first: of a control it stands for the models."""
    return sorted(set(values), key=lambda value: (value is not None, value or ""))


def _filled(where: str, bound: Sequence[Any]) -> str:
    """A WHERE as a person writes it: bound values in the place of question marks, and names without quotes."""
    values = iter(bound)
    return re.sub(r"\?", lambda _: _literal(next(values)), where.replace('"', ""))


def _literal(value: Any) -> str:
    from warehouse.catalog import literal

    return literal(value) if isinstance(value, str) else str(value)


def _quoted(statement: str) -> str:
    """A statement as a shell takes it; single quotes are SQL's, so double ones stand around them where they can."""
    return f'"{statement}"' if not set(statement) & set('"$`\\!') else quote(statement)


def _values(given: Sequence[str]) -> dict[str, Any]:
    """Parameters by name; a number is a number, anything else a text, and so is what stands in single quotes."""
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--param: {text!r} is not NAME=VALUE", hint="--param layer=18, and $layer in the SELECT")
        if name in values:
            raise UsageError(f"--param: {name} is given twice", hint=f"--param {text}")
        values[name] = _value(value)
    return values


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def _text(statement: str) -> str:
    from warehouse.library import queries
    from warehouse.schema import TABLES

    if statement == STDIN:
        text = sys.stdin.read()
        if not text.strip():
            raise UsageError("nothing to run: standard input is empty", hint="emo sql - < FILE.sql")
        return text
    if not statement.endswith(".sql"):
        if statement in TABLES:
            raise UsageError(f"{statement} is a table, not a bundled query", hint=f'emo sql "select * from {statement}"')
        if re.fullmatch(r"[\w.-]+", statement):
            error = unknown("bundled query", statement, [*queries(), *TABLES], hint="emo sql --list")
            if error.instead and error.instead[1] in TABLES:
                raise UsageError(str(error), hint=f'emo sql "select * from {error.instead[1]}"')
            raise error
        return statement
    try:
        return Path(statement).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text"
        raise UsageError(f"{statement}: the file cannot be read: {reason}", hint="emo sql --list") from error


def _explained(error: "QueryError", statement: str, values: Mapping[str, Any]) -> UsageError | None:
    """An error of DuckDB whose advice does not hold here, in our words; None for the others."""
    from warehouse.library import queries
    from warehouse.schema import TABLES

    text = str(error)
    if match := re.search(r"Table with name (\S+) does not exist", text):
        known = [*TABLES, *queries()]
        meant = nearest(match[1], known)
        mended = re.sub(rf"\b{re.escape(match[1])}\b", meant, statement) if meant else None
        return UsageError(
            f"no table or query is called {match[1]!r}{did_you_mean(match[1], known)}",
            hint="emo tables",
            instead=(statement, mended) if mended else None,
        )
    if match := re.search(r"it exists in the (\w+) extension", text):
        return UsageError(
            f"the statement needs the DuckDB extension {match[1]}, which is not loaded",
            hint=f'emo sql --unsafe "install {match[1]}; load {match[1]}; select ..."',
        )
    if "xtension" in text and ("download" in text or "not found" in text):
        return UsageError(f"an extension of DuckDB is not installed: {text}", hint="leave it out of the statement")
    if "disabled by configuration" in text:
        return UsageError(f"{text}: only the store is read", hint="emo sql --unsafe reads other files, with your rights")
    if match := re.search(r"Values were not provided for the following parameters: ([\w, ]+)", text):
        name = match[1].split(",")[0].strip()
        return UsageError(f"${name} stands in the statement and has no value", hint=f"--param {name}=VALUE")
    if match := NOT_CONVERTED.search(text):
        value, wanted = match["text"] or match["field"], (match["type"] or match["kind"]).upper()
        name = next((name for name, given in values.items() if given == value), None)
        if name is not None:
            kind = "a number" if wanted in NUMBERS else f"a value of type {wanted}"
            problem = f"--param {name}={value}: {kind} is expected where ${name} stands"
            return UsageError(problem, hint=f"--param {name}={'VALUE' if kind != 'a number' else '18'}")
    if match := re.search(r"excess parameters: ([\w, ]+)", text):
        return UsageError(f"--param: ${match[1]} does not stand in the statement", hint="emo sql --help")
    if "Expected 0, got" in text:
        return UsageError("--param: no parameter stands in the statement", hint="write $NAME where its value belongs")
    return None
