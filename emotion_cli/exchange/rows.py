"""Rows that come in: checked by DuckDB with the SQL files of `checks/`, then given out in the order of the store."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from importlib.resources import files
from operator import itemgetter
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from emotion_cli.errors import EmoError
from emotion_cli.exchange.sources import Source, place_of
from emotion_cli.prompts.prompt_set import Prompt, PromptSet, Row, validated
from warehouse.machine import memory_of_duckdb

MEMORY = "256MB"
"""Memory limit of DuckDB; larger tables go to a temporary folder."""


MOST_FAULTS = 10_000
"""Faults that are kept in memory."""


PROMPT_COLUMNS = ("prompt_id", "text", "emotion", "topic")


Pair = tuple[str, int]
"""A pooling and a layer."""


class Check(NamedTuple):
    """A message, and the select of what is at fault: its columns fill the message, those named `..._row` as places."""

    message: str
    sql: str


@cache
def checks(folder: str) -> list[Check]:
    """The checks in a folder of `checks/`: `rows`, `known` and `new` look at one batch, `all` at the places of all rows."""
    texts = [_sql(f"{folder}/{name}") for name in sorted(path.name for path in _FOLDER.joinpath(folder).iterdir())]
    return [Check(text.partition("\n")[0].removeprefix("-- "), text) for text in texts]


class Rows:
    """The rows of an import without their activations: which prompt at which pooling and layer each is.

    `known` are the columns of the dataset's prompts; without them the texts of the rows make a new dataset.
    """

    def __init__(self, sources: Sequence[Source], dataset: str, known: Mapping[str, Any] | None, n_layers: int | None) -> None:
        self._sources, self.dataset, self._n_layers, self._is_new = sources, dataset, n_layers, known is None
        self._folder = tempfile.TemporaryDirectory(prefix="emo-")
        self._connection = duckdb.connect(config={"threads": 1, "memory_limit": MEMORY, "temp_directory": self._folder.name})
        self._connection.execute(_sql("tables.sql"))
        self._connection.execute("set variable n_layers = ?", [n_layers])
        if known:
            self._add_prompts(pa.table({name: pa.array(known[name], pa.string()) for name in PROMPT_COLUMNS}))

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def check(self, batch: pa.Table) -> list[str]:
        """Add the next batch; the faults of its rows, in their order."""
        with _duckdb():
            self._connection.register("batch", batch)
            if self._is_new:
                new = self._table(_sql("new_prompts.sql"))
                ids = [Prompt(row["text"], row["emotion"]).prompt_id for row in new.to_pylist()]
                self._add_prompts(new.append_column("prompt_id", pa.array(ids, pa.string())))
            self._connection.execute(_sql("batch.sql"))
            return self._faults("rows", "new" if self._is_new else "known")

    def check_all(self, n_rows: int | None) -> list[str]:
        """The faults of all rows together; `n_rows` is the expected number, None where a file could not be read."""
        with _duckdb():
            self._connection.execute("set variable n_rows = ?", [n_rows])
            return self._faults("all")

    def new_dataset(self, role: str, faults: Sequence[str]) -> PromptSet:
        """The prompts of a new dataset; UsageError with `faults` and those of the prompts."""
        prompts = self._table(_sql("new_dataset.sql")).to_pylist()
        rows = [Row(place_of(self._sources, prompt.pop("first_row")), prompt) for prompt in prompts]
        return validated(self.dataset, rows, role=role, faults=faults)

    def arrange(self) -> list[Pair]:
        """Put the rows into the order of the store; their pairs, ascending."""
        with _duckdb():
            self._connection.execute(_sql("placed.sql"))
            return self._connection.execute("select distinct pooling, layer from placed order by all").fetchall()

    @cached_property
    def n_prompts(self) -> int:
        """Prompts that have a row."""
        return self._value("select max(position) + 1 from placed")

    @cached_property
    def width(self) -> int:
        """Dimensions of the activations."""
        return self._value("select getvariable('width')")

    def of_pair(self, pair: Pair, first: int, stop: int) -> pa.Table:
        """`prompt_id`, `emotion` and `this_row` of a pair's prompts from position `first` of the dataset to before `stop`."""
        with _duckdb():
            return self._table(_sql("of_pair.sql"), *pair, first, stop)

    def _add_prompts(self, prompts: pa.Table) -> None:
        first = self._value("select count(*) from prompts")
        numbers = pa.array(range(first, first + len(prompts)), pa.int32())
        self._connection.register("added", prompts.append_column("prompt", numbers))
        self._connection.execute("insert into prompts by name from added")

    def _table(self, sql: str, *values: Any) -> pa.Table:
        return self._connection.sql(sql, params=values).to_arrow_table()

    def _value(self, sql: str) -> Any:
        return self._connection.execute(sql).fetchall()[0][0]

    def _faults(self, *folders: str) -> list[str]:
        faults: list[tuple[int, str]] = []
        for check in [check for folder in folders for check in checks(folder)]:
            for values in self._table(f"from ({check.sql}\n) limit {MOST_FAULTS + 1}").to_pylist():
                shown = {name: self._shown(name, value) for name, value in values.items()}
                at = f"{shown['this_row']}: " if "this_row" in shown else ""
                sentence = check.message.format(dataset=self.dataset, n_layers=self._n_layers, **shown)
                faults.append((values.get("this_row", 0), at + sentence))
        return [sentence for _, sentence in sorted(faults, key=itemgetter(0))]

    def _shown(self, name: str, value: Any) -> Any:
        return place_of(self._sources, value) if name.endswith("_row") else value


_FOLDER = files("emotion_cli.exchange").joinpath("checks")


@cache
def _sql(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


@contextmanager
def _duckdb() -> Iterator[None]:
    try:
        with memory_of_duckdb():
            yield
    except duckdb.IOException as error:
        raise EmoError(f"the temporary folder: {error}", hint="set TMPDIR to a folder with room, then run it again") from error
