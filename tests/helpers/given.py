"""Rows written into a store with only the columns that a test is about; the others get a value of their type."""

import pyarrow as pa

from warehouse.schema import COLUMNS, TABLES, VECTOR
from warehouse.store import Store, table_of

_FILLERS = {
    pa.string(): "x",
    pa.int64(): 1,
    pa.float64(): 0.5,
    pa.bool_(): False,
    pa.list_(pa.string()): ["last"],
    pa.list_(pa.int64()): [0],
    pa.timestamp("us", tz="UTC"): 0,
}


def write_rows(store: Store, table: str, rows: list[dict]) -> None:
    declared = TABLES[table]
    partitions: dict[tuple, list[dict]] = {}
    for row in rows:
        unknown = set(row) - set(declared.column_names) - set(declared.partition_by)
        assert not unknown, f"{table} has no column {unknown}"
        keys = tuple(str(row.get(key, "x")) for key in declared.partition_by)
        partitions.setdefault(keys, []).append(row)
    for keys, members in partitions.items():
        partition = store.partition(table, **dict(zip(declared.partition_by, keys, strict=True)))
        columns = {name: [row.get(name, _filler(declared, name)) for row in members] for name in declared.file_column_names}
        vectors = [name for name in columns if COLUMNS[name].type == VECTOR]
        # rows of several widths are several files
        widths = {len(value) for name in vectors for value in columns[name]} or {0}
        entries = []
        for width in sorted(widths):
            keep = [i for i in range(len(members)) if not vectors or len(columns[vectors[0]][i]) == width]
            part = {name: [values[i] for i in keep] for name, values in columns.items()}
            entries.append(partition.write([table_of(table, part, d_model=width or None)], part=str(width)))
        partition.commit(entries)


def _filler(declared, name):
    if name in declared.nullable:
        return None
    return [0.0, 0.0] if COLUMNS[name].type == VECTOR else _FILLERS[COLUMNS[name].type]
