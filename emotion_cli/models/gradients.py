"""How a text's log-probability changes, to first order, with the residual stream: one backward pass a text, for all layers."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.errors import EmoError
from emotion_cli.models.intervening import Engine, Passage
from emotion_cli.models.refusals import refusal_of
from emotion_cli.models.residual import at_layers

if TYPE_CHECKING:
    from torch import Tensor


class Gradients(NamedTuple):
    """Mean log-probability [passage] of scored tokens; its gradient, summed over changed positions [layer, passage, d_model]."""

    log_prob: np.ndarray
    summed: np.ndarray


def gradients(
    engine: Engine,
    passages: Sequence[Passage],
    places: Sequence[np.ndarray],
    *,
    progress: Callable[[int], None] = lambda passages: None,
) -> Gradients:
    """Gradients at every layer, 0 to n_layers, in float32; EmoError for a model that cannot be differentiated.

    `places` [token] of each passage say over which positions the gradient is summed.
    """
    loaded = engine.loaded
    log_prob = np.empty(len(passages))
    summed = np.empty((loaded.n_layers + 1, len(passages), loaded.d_model), np.float32)
    for members in engine.together(passages):
        try:
            log_prob[members], summed[:, members] = _batch(engine, [passages[i] for i in members], [places[i] for i in members])
        except Exception as error:  # a model refuses what it was not made for in ways of its own
            raise EmoError(
                f"{loaded.source.name}: it cannot be differentiated: {refusal_of(error)}",
                hint="--attention eager",
            ) from error
        progress(len(members))
    return Gradients(log_prob, summed)


def _batch(engine: Engine, passages: Sequence[Passage], places: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    import torch

    loaded, width = engine.loaded, max(len(passage.ids) for passage in passages)
    ids, changed = np.zeros((len(passages), width), np.int64), np.zeros((len(passages), width), bool)
    for row, passage in enumerate(passages):
        ids[row, : len(passage.ids)], changed[row, : len(passage.ids)] = passage.ids, places[row]
    states: dict[int, Tensor] = {}

    def visit(layer: int, state: "Tensor") -> "Tensor | None":
        if layer == 0:
            # no weight is differentiated: the first state is where all gradients begin
            state = state.detach().requires_grad_()
        states[layer] = state
        return state if layer == 0 else None

    with torch.enable_grad(), engine.as_it_was(), at_layers(loaded, range(loaded.n_layers + 1), visit):
        logits = loaded.causal(input_ids=torch.as_tensor(ids, device=loaded.device), use_cache=False).logits
        means = [
            torch.log_softmax(logits[row, passage.first - 1 : len(passage.ids) - 1].float(), -1)
            .gather(-1, torch.tensor(passage.ids[passage.first :], device=logits.device)[:, None])
            .mean()
            for row, passage in enumerate(passages)
        ]
        # texts do not see one another, so the sum's gradient at a text is that of its own mean
        found = torch.autograd.grad(torch.stack(means).sum(), [states[layer] for layer in sorted(states)])
    mask = torch.as_tensor(changed, device=loaded.device)[..., None]
    summed = [(gradient * mask).float().sum(1).cpu().numpy() for gradient in found]
    return torch.stack(means).detach().double().cpu().numpy(), np.stack(summed)
