"""Ways to get the residual stream of the last token at every layer; each gives [layer, prompt, d_model]."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

BATCH = 32


def ours(loaded: Any, ids: Sequence[list[int]], clock: Callable[[], float] = time.process_time) -> Any:
    """Proof included, as an extraction does it; also the choice, tokens computed and the proof's seconds by the clock."""
    from emotion_cli.models.reader import Reader
    from emotion_cli.models.tokens import Tokens

    layers, tokens, reader = (
        list(range(loaded.n_layers + 1)),
        Tokens(list(ids), [], [[] for _ in ids], [[] for _ in ids]),
        Reader(loaded),
    )
    began = clock()
    choice = reader.choose(tokens, layers)
    proof = clock() - began
    pooled = reader.pool(tokens, choice, range(len(ids)), poolings=["last"], layers=layers)
    return pooled.values["last"], choice, pooled.n_tokens_computed, proof


def singly(causal: Any, ids: Sequence[list[int]]) -> np.ndarray:
    """(a) one prompt at a time through the whole model."""
    import torch

    rows = []
    with torch.inference_mode():
        for row in ids:
            states = causal(input_ids=torch.tensor([row], device=causal.device), output_hidden_states=True).hidden_states
            rows.append(torch.stack([state[0, -1] for state in states]))
    return torch.stack(rows, 1).cpu().numpy()


def padded(causal: Any, ids: Sequence[list[int]]) -> np.ndarray:
    """(b) 32-row padded batches in file order through the whole model, all hidden states kept, last token read."""
    import torch

    rows = []
    with torch.inference_mode():
        for batch in _batches(list(ids)):
            tokens, mask = _padded(batch, causal.device)
            states = causal(input_ids=tokens, attention_mask=mask, output_hidden_states=True).hidden_states
            last = mask.sum(1) - 1
            rows.append(torch.stack([_last(state, last) for state in states]))
    return torch.cat(rows, 1).cpu().numpy()


def sorted_by_length(decoder: Any, blocks: Any, ids: Sequence[list[int]]) -> np.ndarray:
    """(c) length-sorted batches through the bare decoder, last token read in hooks: no head, no cache, nothing else kept."""
    import torch

    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    rows: list[Any] = []
    seen: list[Any] = []
    last = torch.zeros(0, dtype=torch.long)

    def keep(state: Any) -> None:
        seen.append(_last(state, last))

    def before(module: Any, args: Any, kwargs: Any) -> None:
        keep(args[0] if args else kwargs["hidden_states"])

    def after(module: Any, args: Any, out: Any) -> None:
        keep(out[0] if isinstance(out, tuple) else out)

    handles = [blocks[0].register_forward_pre_hook(before, with_kwargs=True)]
    handles += [block.register_forward_hook(after) for block in blocks]
    try:
        with torch.inference_mode():
            for batch in _batches([ids[i] for i in order]):
                tokens, mask = _padded(batch, decoder.device)
                last = mask.sum(1) - 1
                seen.clear()
                decoder(input_ids=tokens, attention_mask=mask, use_cache=False)
                rows.append(torch.stack(seen))
    finally:
        for handle in handles:
            handle.remove()
    sorted_rows = torch.cat(rows, 1).cpu().numpy()
    back = np.empty_like(sorted_rows)
    back[:, order] = sorted_rows
    return back


def _batches(ids: list[list[int]]) -> list[list[list[int]]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _last(state: Any, last: Any) -> Any:
    import torch

    return state[torch.arange(len(last), device=last.device), last]


def _padded(batch: list[list[int]], device: Any) -> tuple[Any, Any]:
    import torch

    width = max(map(len, batch))
    tokens = torch.tensor([row + [0] * (width - len(row)) for row in batch], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch], device=device)
    return tokens, mask
