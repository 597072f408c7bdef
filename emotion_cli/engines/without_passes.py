"""The rows of controls that run no model: one layer, one pooling, made in a moment and in one piece."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.engines.local import chunks_of
from emotion_cli.engines.parts import Group
from emotion_cli.job.extractions import MEAN, Extraction, Pairs
from emotion_cli.prompts.scripts import word_tokens
from emotion_cli.wording import counted
from warehouse.store import FileEntry, Partition, table_of

if TYPE_CHECKING:
    from emotion_cli.job.job import Job

GROUP = Group((MEAN,), (0,))
"""All that there is of such a control."""

PAIRS: Pairs = {MEAN: [0]}


class ControlRows(NamedTuple):
    """Rows of a control [text, width], what they are a mean of [text] (words or tokens), and the kind of model, if any."""

    rows: np.ndarray
    sizes: Sequence[int]
    architecture: str | None


def control_rows(job: "Job", extraction: Extraction, texts: Sequence[str]) -> ControlRows:
    """The rows of a control that runs no model; of `embeddings` its model is loaded."""
    from emotion_cli.models.controls import embedding_rows, token_ids, word_rows
    from emotion_cli.models.sources.controls import WORDS, control_of

    control = control_of(extraction.model)
    if control and control.kind == WORDS:
        words = [[word.lower() for word in word_tokens(text)] for text in texts]
        return ControlRows(word_rows(words, int(control.of)), [len(row) for row in words], None)
    loaded = job.loaded_base(extraction.model)
    ids = token_ids(loaded, texts)
    return ControlRows(embedding_rows(loaded, ids), [len(row) for row in ids], loaded.architecture)


def write(
    job: "Job", extraction: Extraction, partition: Partition, prompts: dict[str, list], made: ControlRows
) -> list[FileEntry]:
    """The rows as parts; a text of which the control knows nothing has none, which a note says."""
    is_known = np.asarray(np.isfinite(made.rows).all(axis=1))
    if not is_known.all():
        absent = counted(int((~is_known).sum()), "prompt")
        job.listener.note(f"{extraction.subject}: {absent} of {len(is_known)} have no word or token and are left out")
    width = made.rows.shape[1]
    entries = []
    for chunk in chunks_of(len(made.rows), GROUP, width):
        places = [place for place in chunk if is_known[place]]
        table = table_of(
            "activations",
            {
                "pooling": [MEAN] * len(places),
                "layer": [0] * len(places),
                "prompt_id": [prompts["prompt_id"][place] for place in places],
                "emotion": [prompts["emotion"][place] for place in places],
                "n_tokens": [made.sizes[place] for place in places],
                "activation": pa.FixedSizeListArray.from_arrays(pa.array(made.rows[places].reshape(-1)), width),
            },
            d_model=width,
        )
        entries.append(partition.write([table], part=GROUP.part(chunk)))
    return entries
