"""Files of `emo export` to rows of `vectors` again: the extraction keeps its id and says that only its vectors are here."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.errors import EmoError, UsageError, short_of_memory
from emotion_cli.exchange.exporting import DESCRIBED, ROW_COLUMNS, SOURCE, described, text_of
from emotion_cli.exchange.vector_files import RAW, Key, VectorFile, read_vector_file
from emotion_cli.job.extractions import VECTORS_ONLY, Extraction
from emotion_cli.job.layers import matrix
from emotion_cli.job.variants import Variant, variant_of
from emotion_cli.wording import counted
from warehouse.schema import TABLES
from warehouse.store import FileEntry, Store, table_of

Rows = dict[Key, tuple[dict[str, Any], np.ndarray]]
"""The columns of each vector, and the vector."""


MAY_DIFFER = (
    "poolings",
    "layers",
    "created_at",
    "seconds",
    "n_tokens_computed",
    "versions",
    "strategy",
    "strategy_error",
    "n_recomputed",
    "recomputed_error",
)
"""Columns of `extractions` that say how far, how and when it was run; in all others two files of one extraction must agree."""


class ImportedVectors(NamedTuple):
    """The vectors of one extraction: how many the files hold, and how many of these are new to the store."""

    extraction: Extraction
    n_vectors: int
    n_new: int


def import_vectors(store: Store, paths: Sequence[Path]) -> list[ImportedVectors]:
    """Bring back vectors that `emo export` wrote, bit for bit; UsageError names all files at fault, and nothing is imported."""
    read: list[tuple[Path, VectorFile]] = []
    faults: list[str] = []
    for path in paths:
        try:
            file = read_vector_file(path)
            _refuse_incomplete(path, file)
            read.append((path, file))
        except EmoError as error:
            faults.append(str(error))
    by_id: dict[str, list[tuple[Path, VectorFile]]] = {}
    for path, file in read:
        by_id.setdefault(file.about["extraction_id"], []).append((path, file))
    for members in by_id.values():
        _merged(store, members, faults)
    _refuse(faults)
    return [_commit(store, members) for members in by_id.values()]


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise UsageError(
            "\n".join([f"{counted(len(faults), 'fault')}, nothing was imported", *(f"  {fault}" for fault in faults)]),
            hint="export the vectors again, or name other files; nothing was changed",
        )


def _refuse_incomplete(path: Path, file: VectorFile) -> None:
    if file.about.get("scale") != RAW:
        raise EmoError(f"{path}: its vectors have scale {file.about.get('scale')!r}, not {RAW!r}: their lengths are lost")
    table = TABLES["extractions"]
    needed = [*Variant._fields, *table.partition_by, *(name for name in DESCRIBED if name not in table.nullable)]
    lacking = [name for name in needed if name not in file.about]
    lacking += [name for name in ROW_COLUMNS if any(name not in row for row in file.rows)]
    if lacking:
        raise EmoError(f"{path}: its metadata does not say {', '.join(lacking)}")
    try:
        _extraction_columns(file)
        if not isinstance(json.loads(file.about.get("made_with", "{}")), dict):
            raise ValueError("made_with is not a JSON object")
        table_of(
            "vectors",
            _vector_columns(Variant(*(file.about[name] for name in Variant._fields)), _rows(file)),
            d_model=file.vectors.shape[1],
        )
        _extraction_of(file).partition(Store(Path()), "vectors")
    except MemoryError as error:
        raise short_of_memory(path, error) from error
    except (ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise EmoError(f"{path}: its metadata is not in the format of emo export: {error}") from error
    if text_of("d_model", file.about["d_model"]) != file.vectors.shape[1] or len({*file.keys}) < len(file.keys):
        raise EmoError(f"{path}: its metadata does not match its vectors")


def _merged(store: Store, members: Sequence[tuple[Path, VectorFile]], faults: list[str]) -> dict[Variant, Rows]:
    """The vectors of files of one extraction together with those in the store; each difference is a fault."""
    extraction = _extraction_of(members[0][1])
    merged = _stored(store, extraction)
    is_there = extraction.partition(store, "extractions").manifest() is not None
    first = _identity(described(store, extraction) if is_there else members[0][1].about)
    for path, file in members:
        differing = sorted(name for name, value in _identity(file.about).items() if value != first[name])
        if differing:
            faults.append(f"{path}: extraction {extraction.extraction_id} has a different {', '.join(differing)} elsewhere")
        rows = merged.setdefault(_variant(file), {})
        for key, (known, vector) in _rows(file).items():
            before = rows.setdefault(key, (known, vector))
            if before[0] != known or before[1].tobytes() != vector.tobytes():
                where = f"{key.emotion}, layer {key.layer} of extraction {extraction.extraction_id}"
                faults.append(f"{path}: {where} has a different vector elsewhere")
    return merged


def _commit(store: Store, members: Sequence[tuple[Path, VectorFile]]) -> ImportedVectors:
    extraction = _extraction_of(members[0][1])
    names = {(_variant(file), key) for _, file in members for key in file.keys}
    stored = {(variant, key) for variant, rows in _stored(store, extraction).items() for key in rows}
    imported = ImportedVectors(extraction, len(names), len(names - stored))
    if not imported.n_new:
        return imported
    if extraction.partition(store, "activations").manifest():
        raise UsageError(
            f"{extraction.subject}: extraction {extraction.extraction_id} has activations in the store; "
            "its vectors are computed from them",
            hint=f"emo vectors --extraction {extraction.extraction_id}",
        )
    vectors, extractions = (extraction.partition(store, table) for table in ("vectors", "extractions"))
    with vectors.hold(), extractions.hold():
        # again, because another process may have added emotions meanwhile
        faults: list[str] = []
        merged = _merged(store, members, faults)
        _refuse(faults)
        width = members[0][1].vectors.shape[1]
        entries: list[FileEntry] = [
            vectors.write([table_of("vectors", _vector_columns(variant, rows), d_model=width)], part=variant.part)
            for variant, rows in sorted(merged.items())
        ]
        settings = json.loads(members[0][1].about.get("made_with", "{}"))
        vectors.commit(entries, {**settings, SOURCE: sorted(path.name for path, _ in members)})
        # the row of the extraction comes last: commands look for it
        columns = {name: [value] for name, value in _extraction_columns(members[0][1]).items()}
        extractions.commit([extractions.write([table_of("extractions", columns)])], {})
    return imported


def _stored(store: Store, extraction: Extraction) -> dict[Variant, Rows]:
    partition = extraction.partition(store, "vectors")
    by_variant: dict[Variant, Rows] = {}
    manifest = partition.manifest()
    for entry in manifest.files if manifest else ():
        variant = variant_of(entry.part)
        stored = partition.read([*ROW_COLUMNS, "vector"], **variant._asdict())
        known = stored.select(list(ROW_COLUMNS)).to_pylist()
        rows = zip(known, matrix(stored["vector"].combine_chunks()), strict=True)
        by_variant[variant] = {Key(row["emotion"], row["layer"]): (row, vector) for row, vector in rows}
    return by_variant


def _identity(about: Mapping[str, str]) -> dict[str, str | None]:
    return {name: about.get(name) for name in DESCRIBED if name not in MAY_DIFFER}


def _extraction_of(file: VectorFile) -> Extraction:
    dataset, version_, model, id_ = (file.about[name] for name in ("dataset", "prompts_sha256", "model", "extraction_id"))
    return Extraction(dataset, "train", version_, model, id_, has_activations=False)


def _variant(file: VectorFile) -> Variant:
    return Variant(*(file.about[name] for name in Variant._fields))


def _rows(file: VectorFile) -> Rows:
    return {
        key: ({name: row[name] for name in ROW_COLUMNS}, vector)
        for key, row, vector in zip(file.keys, file.rows, file.vectors, strict=True)
    }


def _vector_columns(variant: Variant, rows: Rows) -> dict[str, Any]:
    ordered = [rows[key] for key in sorted(rows, key=lambda key: (key.layer, key.emotion))]
    stacked = np.stack([vector for _, vector in ordered])
    width = stacked.shape[1]
    return {
        **{name: [value] * len(ordered) for name, value in variant._asdict().items()},
        **{name: [known[name] for known, _ in ordered] for name in ROW_COLUMNS},
        "d_model": [width] * len(ordered),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(stacked.reshape(-1)), width),
    }


def _extraction_columns(file: VectorFile) -> dict[str, Any]:
    columns = {name: text_of(name, file.about[name]) if name in file.about else None for name in DESCRIBED}
    return {**columns, "created_at": datetime.fromisoformat(file.about["created_at"]), "status": VECTORS_ONLY}
