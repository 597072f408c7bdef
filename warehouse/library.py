"""The SQL library: reads `queries/*.sql` with their headers, and wraps them with bound filters."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Query:
    """One bundled query: the fields of its header, and its select."""

    name: str
    doc: str
    grain: tuple[str, ...]
    reads: tuple[str, ...]
    columns: Mapping[str, str]
    sql: str


@cache
def queries() -> dict[str, Query]:
    """All bundled queries by name, each after those that it reads."""
    known = _read(query_folder())
    ordered: dict[str, Query] = {}

    def add(name: str) -> None:
        if name in known and name not in ordered:
            for source in known[name].reads:
                add(source)
            ordered[name] = known[name]

    for name in sorted(known):
        add(name)
    return ordered


def mentioned(text: str) -> list[Query]:
    """The bundled queries whose names occur in a SQL text, and those that they read, each after those that it reads."""
    folded, wanted = text.casefold(), set[str]()
    for query in reversed(queries().values()):
        if query.name in wanted or query.name in folded:
            wanted |= {query.name, *query.reads}
    return [query for query in queries().values() if query.name in wanted]


@cache
def checks() -> dict[str, Query]:
    """Checks of the stored tables, by name: each selects the bad rows as `file` and `detail`."""
    return dict(sorted(_read(PACKAGE / "checks").items()))


def query_folder() -> Path:
    """The folder of the bundled queries: inside this package where it is installed, beside it in a checkout."""
    return next(folder for folder in (PACKAGE / "queries", PACKAGE.parent / "queries") if folder.is_dir())


def _read(folder: Path) -> dict[str, Query]:
    return {path.stem: parse(path.stem, path.read_text(encoding="utf-8")) for path in folder.glob("*.sql")}


def parse(name: str, text: str) -> Query:
    """A query of a file's text; ValueError when its header lacks the description, the grain or the tables that it reads."""
    header = re.match(r"(?:--[^\n]*\n)+", text)
    lines = [line.removeprefix("--").strip() for line in header[0].splitlines()] if header else []
    labelled = dict(line.split(":", 1) for line in lines if re.match(r"(Grain|Reads|Column \w+):", line))
    doc = " ".join(line for line in lines if line and not re.match(r"(Grain|Reads|Column \w+):", line))
    if not doc or "Grain" not in labelled or "Reads" not in labelled:
        raise ValueError(f"{name}.sql: the header needs a description, `Grain:` and `Reads:`")
    return Query(
        name,
        doc,
        _names(labelled["Grain"]),
        _names(labelled["Reads"]),
        {key.removeprefix("Column "): doc.strip() for key, doc in labelled.items() if key.startswith("Column ")},
        text[len(header[0]) if header else 0 :].strip().rstrip(";"),
    )


def filtered(
    relation: str, filters: Mapping[str, Sequence[str | int]], columns: Sequence[str] = ()
) -> tuple[str, list[str | int]]:
    """A sorted select over a view with `column in (?, ...)` for each filter that is not empty, and the values to bind."""
    clauses, values = [], []
    for column, accepted in filters.items():
        if accepted:
            clauses.append(f'"{column}" in ({", ".join("?" * len(accepted))})')
            values.extend(accepted)
    where = f" where {' and '.join(clauses)}" if clauses else ""
    chosen = ", ".join(f'"{column}"' for column in columns) or "*"
    return f'select {chosen} from "{relation}"{where} order by all', values


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
