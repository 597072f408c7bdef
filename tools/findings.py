"""The tables of docs/findings.md, made of the store of `make run`: `python -m tools.findings STORE` writes them there.

A table stands below the SQL that makes it, in a comment of the page.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warehouse.catalog import Catalog
from warehouse.store import Store

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?|")
PAGE = Path(__file__).parents[1] / "docs" / "findings.md"
TABLE = re.compile(r"(?P<sql><!-- sql\n(?P<query>.*?)\n-->\n)(?P<rows>(?:\|[^\n]*\n)*)", re.DOTALL)


def page(text: str, store: Store) -> str:
    """The page with every table as the store gives it now."""
    catalog = Catalog(store)
    return TABLE.sub(lambda match: match["sql"] + table(catalog, match["query"]), text)


def table(catalog: Catalog, query: str) -> str:
    """The rows of a query as a Markdown table, numbers to the right; ValueError without rows."""
    rows = catalog.rows(query)
    if not rows.num_rows:
        raise ValueError(f"no rows: {query}")
    columns = {name: [_cell(value) for value in rows[name].to_pylist()] for name in rows.column_names}
    rule = ["---:" if all(map(NUMBER.fullmatch, shown)) else "---" for shown in columns.values()]
    lines = [columns, rule, *zip(*columns.values(), strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def cells(text: str) -> list[list[str]]:
    """The cells of all tables of a page, table by table."""
    return [
        [cell.strip() for line in match["rows"].splitlines() for cell in line.strip("|").split("|")]
        for match in TABLE.finditer(text)
    ]


def main(store: Path, write: Callable[[str], Any] = PAGE.write_text) -> None:
    """Write the page."""
    write(page(PAGE.read_text(encoding="utf-8"), Store(store)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
