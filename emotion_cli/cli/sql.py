"""`emo sql`: ad hoc SQL, a file of it, or a bundled query, over the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emotion_cli.cli.filters import columns_by_setting
from emotion_cli.cli.options import Start, refuse_no_store, takes
from emotion_cli.errors import UsageError
from emotion_cli.suggestions import unknown

if TYPE_CHECKING:
    import pyarrow as pa

FILTERS = ("dataset", "model", "emotion", "layer")
"""Settings that filter bundled queries."""


Statement = Annotated[
    str | None, typer.Argument(help="A SELECT, a file that ends in .sql, or a bundled query's name.", show_default=False)
]
ListQueries = Annotated[bool, typer.Option("--list", help="List the bundled queries.")]
Unsafe = Annotated[
    bool, typer.Option("--unsafe", help="Any statements over any files, with your rights; only for SQL that you wrote.")
]


@takes("dataset", "model", "emotion", "layer", "store", "format", "formulas", "output", "overwrite")
def sql(start: Start, statement: Statement = None, list_: ListQueries = False, unsafe: Unsafe = False) -> None:
    """Run SQL over the stored tables and the bundled queries; the options -d, -m, -e and --layer filter bundled queries."""
    settings = start.settings
    from warehouse.library import queries

    if list_:
        start.rows.write_records(
            [{"query": query.name, "about": query.doc, "grain": ", ".join(query.grain)} for query in queries().values()]
        )
        return
    if not statement:
        raise UsageError("nothing to run", hint="emo sql --list")
    if any(isinstance(layer, str) for layer in settings.layer):
        raise UsageError("--layer: a query filters by numbers of layers", hint="--layer 0-11")
    name = statement.strip()
    start.rows.write(_bundled(start, name) if name in queries() else _of_text(start, name, unsafe=unsafe))


def _of_text(start: Start, name: str, *, unsafe: bool) -> "pa.Table":
    from warehouse.catalog import Catalog

    text = _text(name)
    given = [option for option in FILTERS if start.settings.sources.get(option) == f"--{option}"]
    if given:
        raise UsageError(f"--{given[0]} filters bundled queries only", hint="put a WHERE into the statement")
    refuse_no_store(start.settings)
    return Catalog(start.store, unsafe=unsafe).rows(text)


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
    selected = catalog.select(name, **{column: values[option] for option in values for column in columns.get(option, ())})
    if not selected.num_rows:
        start.console.note(f"{name}: no rows")
    return selected


def _text(statement: str) -> str:
    from warehouse.library import queries
    from warehouse.schema import TABLES

    if not statement.endswith(".sql"):
        if statement in TABLES:
            raise UsageError(f"{statement} is a table, not a bundled query", hint=f'emo sql "select * from {statement}"')
        if statement.replace("_", "").isalnum():
            raise unknown("bundled query", statement, queries(), hint="emo sql --list")
        return statement
    try:
        return Path(statement).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{statement}: the file cannot be read: {error}") from error
