"""The same rows written in every form that prompt files are read in."""

import csv
import json
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Rows = list[dict[str, str | None]]


def write_jsonl(folder: Path, rows: Rows) -> list[Path]:
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [path]


def write_separated(ending: str, delimiter: str):
    def write(folder: Path, rows: Rows) -> list[Path]:
        path = folder / f"set{ending}"
        with path.open("w", encoding="utf-8", newline="") as sink:
            writer = csv.DictWriter(sink, list(rows[0]), delimiter=delimiter, quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
        return [path]

    return write


def write_parquet(folder: Path, rows: Rows) -> list[Path]:
    path = folder / "set.parquet"
    # a dictionary column, as data frames write categories
    table = pa.Table.from_pylist(rows)
    table = table.set_column(table.schema.get_field_index("emotion"), "emotion", table["emotion"].dictionary_encode())
    pq.write_table(table, path)
    return [path]


def write_json(folder: Path, rows: Rows) -> list[Path]:
    paths = []
    for i, (label, members) in enumerate(groupby(sorted(rows, key=lambda row: row["emotion"]), key=lambda row: row["emotion"])):
        prompts = [{key: value for key, value in row.items() if key != "emotion"} for row in members]
        paths.append(folder / f"{i}.json")
        paths[-1].write_text(json.dumps({"label": label, "prompts": prompts}, indent=1), encoding="utf-8")
    return paths


FORMS = {
    ".jsonl": write_jsonl,
    ".csv": write_separated(".csv", ","),
    ".tsv": write_separated(".tsv", "\t"),
    ".parquet": write_parquet,
    ".json": write_json,
}
