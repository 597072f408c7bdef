"""A random sample of rows that were written, read back from their files, against the same prompts computed again one by one."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.engines.parts import Group, chunk_of, group_of
from warehouse.store import FileEntry, Partition

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel
    from emotion_cli.models.tokens import Tokens


N_SAMPLED = 8
"""Prompts that are computed again."""


SHOWN = 3
"""Prompts at fault that a message names."""


class WrongRowsError(Exception):
    """Stored rows differ from those of the prompt computed alone."""


class Sampled(NamedTuple):
    """How many prompts were computed again, and the largest distance of a stored row over the largest token state in it."""

    n_prompts: int
    distance: float


def recompute_sample(
    partition: Partition,
    files: Sequence[FileEntry],
    loaded: "LoadedModel",
    prompt_ids: Sequence[str],
    tokens: "Tokens",
    *,
    seed: str,
) -> Sampled:
    """Compare the rows of a few prompts in these files with a plain pass of each; WrongRowsError names the prompts at fault.

    `seed` decides which prompts; the same ones are taken whatever the files hold.
    """
    from emotion_cli.models.exactness import positions_of, recompute

    sample = sorted(random.Random(seed).sample(range(len(prompt_ids)), min(N_SAMPLED, len(prompt_ids))))
    ids, marks = [tokens.ids[place] for place in sample], tokens.marks(sample)
    distance, wrong = 0.0, set[int]()
    for group in dict.fromkeys(group_of(entry.part) for entry in files):
        entries = [entry for entry in files if group_of(entry.part) == group and set(sample) & set(chunk_of(entry.part))]
        positions = positions_of(ids, group.poolings, marks)
        rows, present = _rows(partition, entries, group, [prompt_ids[place] for place in sample], loaded.d_model)
        for pooling, chosen in positions.items():
            read = np.array([bool(read_positions) for read_positions in chosen])
            wrong.update(np.flatnonzero((present[pooling] != read).any(axis=0)).tolist())
        result = recompute(loaded, ids, positions, group.layers, rows)
        distance = max(distance, result.distance)
        wrong.update(result.wrong)
    if wrong:
        names = ", ".join([prompt_ids[sample[i]] for i in sorted(wrong)[:SHOWN]] + ["..."] * (len(wrong) > SHOWN))
        raise WrongRowsError(
            f"the stored rows of {len(wrong)} of {len(sample)} prompts that were computed again singly are wrong "
            f"(by up to {distance:.1e} of the largest token state): {names}"
        )
    return Sampled(len(sample), distance)


def _rows(
    partition: Partition, entries: Sequence[FileEntry], group: Group, prompt_ids: Sequence[str], d_model: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Stored rows of prompts [layer, prompt, d_model] by pooling, and which are there [layer, prompt]."""
    places, layers = {prompt_id: i for i, prompt_id in enumerate(prompt_ids)}, {layer: i for i, layer in enumerate(group.layers)}
    rows = {pooling: np.zeros((len(layers), len(places), d_model)) for pooling in group.poolings}
    present = {pooling: np.zeros((len(layers), len(places)), dtype=bool) for pooling in group.poolings}
    for entry in entries:
        for table in partition.row_groups(entry, ["pooling", "layer", "prompt_id", "activation"]):
            row_and_prompt = [
                (i, places[prompt_id]) for i, prompt_id in enumerate(table["prompt_id"].to_pylist()) if prompt_id in places
            ]
            if not row_and_prompt:
                continue
            sampled = table.take([i for i, _ in row_and_prompt])
            vectors = sampled["activation"].combine_chunks().flatten().to_numpy().reshape(len(row_and_prompt), d_model)
            keys = zip(sampled["pooling"].to_pylist(), sampled["layer"].to_pylist(), row_and_prompt, vectors, strict=True)
            for pooling, layer, (_, place), vector in keys:
                rows[pooling][layers[layer], place] = vector
                present[pooling][layers[layer], place] = True
    return rows, present
