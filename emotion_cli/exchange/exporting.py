"""Stored vectors to files: safetensors for each extraction and variant, or a GGUF control vector for each of its emotions."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from emotion_cli.errors import EmoError, MissingError, UsageError
from emotion_cli.exchange.vector_files import FIRST_GGUF_LAYER, RAW, UNIT, VectorFile, to_gguf, to_safetensors
from emotion_cli.job.extractions import Extraction, depth
from emotion_cli.job.job import Job
from emotion_cli.job.layers import matrix
from emotion_cli.job.variants import Variant, variants_of
from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.settings import layer_numbers
from emotion_cli.suggestions import unknown
from warehouse.disk import replace_file
from warehouse.errors import StoreError
from warehouse.schema import COLUMNS, TABLES
from warehouse.store import Store, quote

ROW_COLUMNS = tuple(name for name in TABLES["vectors"].file_column_names if name not in (*Variant._fields, "d_model", "vector"))
"""Metadata of each vector of a file."""


SOURCE = "imported_from"
"""Key of a manifest for the files that its vectors came from; not a setting."""


DESCRIBED = tuple(name for name in TABLES["extractions"].file_column_names if name != "status")
"""Metadata of the extraction in a file, beside the partition's keys: all columns but its status."""


class _Planned(NamedTuple):
    file: VectorFile
    encode: Callable[[VectorFile], bytes]


def export_vectors(job: Job, folder: Path, kind: str, *, normalize: bool = False, force: bool = False) -> list[Path]:
    """Write the vectors of the job's extractions, emotions and layers below `folder`; the paths, sorted.

    UsageError when a file already exists and `force` is not given, or when GGUF cannot hold any of the layers asked for.
    """
    planned: dict[Path, _Planned] = {}
    for extraction in job.listed:
        for variant in variants_of(job, extraction):
            file = _vectors(job, extraction, variant, normalize=normalize)
            for path, plan in _PLANS[kind](job, extraction, variant, file).items():
                if folder / path in planned:
                    raise UsageError(
                        f"two extractions of {extraction.subject} would be written to {folder / path}",
                        hint=f"emo export --extraction {extraction.extraction_id}",
                    )
                planned[folder / path] = plan
    existing = sorted(path for path in planned if path.exists())
    if existing and not force:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise UsageError(f"{existing[0]}{more}: already exists", hint="--force overwrites it, --output DIR writes elsewhere")
    for path, plan in sorted(planned.items()):
        try:
            replace_file(path, plan.encode(plan.file))
        except StoreError as error:
            raise EmoError(str(error), hint="--output DIR") from error
    return sorted(planned)


def described(store: Store, extraction: Extraction) -> dict[str, str]:
    """The row of an extraction as text, but for its status: texts as they are, other values as JSON, NULL left out."""
    (row,) = extraction.partition(store, "extractions").read(DESCRIBED).to_pylist()
    row |= {"dataset": extraction.dataset, "model": extraction.model, "extraction_id": extraction.extraction_id}
    row["created_at"] = row["created_at"].isoformat()
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in row.items() if value is not None}


def text_of(name: str, value: str) -> Any:
    """The value that `described` made this text of."""
    import pyarrow as pa

    return value if pa.types.is_string(COLUMNS[name].type) or name == "created_at" else json.loads(value)


def _vectors(job: Job, extraction: Extraction, variant: Variant, *, normalize: bool) -> VectorFile:
    partition = extraction.partition(job.store, "vectors")
    stored = partition.read([*ROW_COLUMNS, "vector"], **variant._asdict())
    vectors = matrix(stored["vector"].combine_chunks())
    emotions, layers = job.settings.emotion, layer_numbers(job.settings.layer, depth(job.store, extraction))
    rows = stored.select(list(ROW_COLUMNS)).to_pylist()
    known = sorted({row["emotion"] for row in rows})
    for emotion in emotions:
        if emotion not in known:
            raise unknown("--emotion", emotion, known)
    chosen = [
        i for i, row in enumerate(rows) if (not emotions or row["emotion"] in emotions) and (not layers or row["layer"] in layers)
    ]
    if not chosen:
        raise MissingError(
            f"{extraction.subject}: no layer given with --layer is in the store", hint="emo sql vector_norms_by_layer"
        )
    if normalize:
        zero = [i for i in chosen if rows[i]["relative_norm"] < ZERO_RELATIVE_NORM]
        if zero:
            job.listener.note(f"{extraction.subject}: {len(zero)} vectors have length 0, so no direction; they are left out")
        chosen = [i for i in chosen if i not in set(zero)]
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        vectors = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    chosen.sort(key=lambda i: (rows[i]["emotion"], rows[i]["layer"]))
    manifest = partition.manifest()
    settings = (
        {name: value for name, value in manifest.inputs.items() if name not in (*manifest.reads, SOURCE)} if manifest else {}
    )
    about = {
        **described(job.store, extraction),
        **variant._asdict(),
        "scale": UNIT if normalize else RAW,
        "made_with": json.dumps(settings, sort_keys=True),
    }
    return VectorFile(about, [rows[i] for i in chosen], vectors[chosen])


def _as_safetensors(job: Job, extraction: Extraction, variant: Variant, file: VectorFile) -> Mapping[Path, _Planned]:
    return {_folder(extraction) / f"{_name(variant)}.safetensors": _Planned(file, to_safetensors)}


def _as_gguf(job: Job, extraction: Extraction, variant: Variant, file: VectorFile) -> Mapping[Path, _Planned]:
    expressible = [i for i, row in enumerate(file.rows) if row["layer"] >= FIRST_GGUF_LAYER]
    left_out = sorted({row["layer"] for row in file.rows if row["layer"] < FIRST_GGUF_LAYER})
    if not expressible:
        raise UsageError(
            f"{extraction.subject}: a GGUF control vector cannot store layers {', '.join(map(str, left_out))}",
            hint=f"--layer {FIRST_GGUF_LAYER} or above, or --as safetensors",
        )
    if left_out:
        layers = ", ".join(map(str, left_out))
        job.listener.note(f"{extraction.subject}: a GGUF control vector cannot store layers {layers}, which are left out")
    planned = {}
    for emotion in sorted({file.rows[i]["emotion"] for i in expressible}):
        members = [i for i in expressible if file.rows[i]["emotion"] == emotion]
        of_emotion = VectorFile({**file.about, "emotion": emotion}, [file.rows[i] for i in members], file.vectors[members])
        planned[_folder(extraction) / f"{_name(variant)}_{quote(emotion)}.gguf"] = _Planned(of_emotion, to_gguf)
    return planned


def _folder(extraction: Extraction) -> Path:
    return Path(quote(extraction.dataset)) / quote(extraction.model)


def _name(variant: Variant) -> str:
    return "_".join(quote(word) for word in variant)


_PLANS = {"safetensors": _as_safetensors, "gguf": _as_gguf}


KINDS = tuple(_PLANS)
