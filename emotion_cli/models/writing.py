"""What a model writes behind a beginning while its residual stream is changed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.models.intervening import Edit, Engine, intervening

if TYPE_CHECKING:
    from torch import Tensor

ROWS_AT_ONCE = 64
"""Texts that are written side by side."""


class Sampled(NamedTuple):
    """How the next token is chosen: `chances` [row, token] in 0..1 say which one at this temperature.

    Rows with the same chances are the same sample of two distributions, so what differs between them is the change's doing.
    """

    temperature: float
    chances: np.ndarray


def write(
    engine: Engine,
    beginning: Sequence[int],
    edit: Edit,
    places: np.ndarray,
    n_tokens: int,
    sampled: Sampled | None = None,
    *,
    progress: Callable[[int], None] = lambda rows: None,
) -> list[list[int]]:
    """Ids that the model writes behind `beginning` under each row of `edit`, at most `n_tokens`, without the ending token.

    `places` [position] say what is changed, of the beginning and of what is written. Greedy where nothing is `sampled`.
    """
    written: list[list[int]] = []
    for start in range(0, len(edit), ROWS_AT_ONCE):
        rows = list(range(start, min(len(edit), start + ROWS_AT_ONCE)))
        part = None if sampled is None else Sampled(sampled.temperature, sampled.chances[rows])
        written += _written(engine, beginning, edit.rows(rows), places, n_tokens, part)
        progress(len(rows))
    return written


def ending_tokens(engine: Engine) -> set[int]:
    """Tokens that end a text, as the model's own settings for generation say, else its config."""
    causal = engine.loaded.causal
    settings = (getattr(causal, "generation_config", None), causal.config.get_text_config())
    known = next((ids for one in settings if (ids := getattr(one, "eos_token_id", None)) is not None), [])
    return {known} if isinstance(known, int) else set(known)


def _written(
    engine: Engine, beginning: Sequence[int], edit: Edit, places: np.ndarray, n_tokens: int, sampled: Sampled | None
) -> list[list[int]]:
    import torch

    loaded, n_rows = engine.loaded, len(edit)
    change, endings = edit.change(loaded), ending_tokens(engine)
    may_change = torch.as_tensor(places[None], device=loaded.device)
    ids = torch.as_tensor(list(beginning), device=loaded.device).expand(n_rows, -1)
    cache, n_read, ended = None, 0, [False] * n_rows
    texts: list[list[int]] = [[] for _ in range(n_rows)]
    with torch.inference_mode():
        for step in range(n_tokens):
            # where the model keeps no cache that is proven, all that was written is read again, with the same changes
            start = n_read if engine.caches else 0
            kept = {"past_key_values": cache, "use_cache": True} if engine.caches else {"use_cache": False}
            with engine.as_it_was(), intervening(loaded, edit.layer, change, may_change, n_rows, fork=False, start=start):
                output = loaded.causal(input_ids=ids[:, start:], **kept)
            cache, n_read = getattr(output, "past_key_values", None), ids.shape[1]
            chosen = _chosen(output.logits[:, -1], None if sampled is None else (sampled.temperature, sampled.chances[:, step]))
            for row, token in enumerate(chosen.tolist()):
                ended[row] = ended[row] or token in endings
                if not ended[row]:
                    texts[row].append(token)
            if all(ended):
                break
            ids = torch.cat([ids, chosen[:, None]], 1)
    return texts


def _chosen(logits: "Tensor", chance: tuple[float, np.ndarray] | None) -> "Tensor":
    """The next token [row] of logits [row, token]."""
    import torch

    if chance is None:
        return logits.argmax(-1)
    temperature, chances = chance
    below = (logits.double() / temperature).softmax(-1).cumsum(-1)
    # the sum of all may end just below a chance near 1
    aimed = torch.as_tensor(chances, device=logits.device)[:, None] * below[:, -1:]
    return torch.searchsorted(below, aimed, right=True)[:, 0].clamp(max=logits.shape[1] - 1)
