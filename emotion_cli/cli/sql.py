"""`emo sql`: ad hoc SQL, a file of it, or a bundled query, over the store."""

from pathlib import Path
from typing import Annotated

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import format_of, write_records, write_rows
from emotion_cli.errors import UsageError
from emotion_cli.suggestions import unknown


def sql(
    statement: Annotated[
        str | None, typer.Argument(help="A SELECT, a file that ends in .sql, or a bundled query's name.", show_default=False)
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the bundled queries.")] = False,
    dataset: o.Dataset = None,
    model: o.Model = None,
    emotion: o.Emotion = None,
    layer: o.Layer = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Any statements over any files, with your rights; only for SQL that you wrote.")
    ] = False,
    store: o.StoreDir = None,
    format: o.RowFormat = None,
    formulas: o.Formulas = False,
    output: o.Output = None,
    force: o.Overwrite = False,
) -> None:
    """Run SQL over the stored tables and the bundled queries; the options -d, -m, -e and --layer filter bundled queries."""
    format = format_of(format, output, force=force)
    settings, console, opened = o.start(dataset=dataset, model=model, emotion=emotion, layer=layer, store=store)
    from warehouse.catalog import Catalog
    from warehouse.library import queries

    if list_:
        write_records(
            [{"query": q.name, "about": q.doc, "grain": ", ".join(q.grain)} for q in queries().values()], format, output
        )
        return
    if not statement:
        raise UsageError("nothing to run", hint="emo sql --list")
    if any(isinstance(one, str) for one in settings.layer):
        raise UsageError("--layer: a query filters by numbers of layers", hint="--layer 0-11")
    name = statement.strip()
    filters = {"dataset": settings.dataset, "model": settings.model, "emotion": settings.emotion, "layer": settings.layer}
    if name not in queries():
        text = _text(name)
        given = [option for option, values in filters.items() if values and f"--{option}" == settings.sources.get(option)]
        if given:
            raise UsageError(f"--{given[0]} filters bundled queries only", hint="put a WHERE into the statement")
        o.refuse_no_store(settings)
        rows = Catalog(opened, unsafe=unsafe).rows(text)
        write_rows(rows, format, output, formulas=formulas, note=console.note)
        return
    o.refuse_no_store(settings)
    catalog = Catalog(opened)
    columns = [row["column_name"] for row in catalog.rows(f'select column_name from (describe "{name}")').to_pylist()]
    bound = {}
    for option, values in filters.items():
        targets = [column for column in columns if column in (option, f"{option}_a", f"{option}_b")]
        if values and not targets:
            raise UsageError(f"--{option}: {name} has no column {option}", hint=f"emo tables {name}")
        bound |= dict.fromkeys(targets, values)
    if any(bound.values()):
        # here, for it loads what a query alone does not need
        from emotion_cli.job.known import names_of, refuse_unknown_filters

        refuse_unknown_filters(opened, settings)
        models = names_of(opened, settings)
        bound |= {column: models for column in bound if column.startswith("model")}
    rows = catalog.select(name, **bound)
    if not rows.num_rows:
        console.note(f"{name}: no rows")
    write_rows(rows, format, output, formulas=formulas, note=console.note)


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
