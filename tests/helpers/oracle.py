"""The rule of exactness, apart from the code under test: states of a plain float32 and of a plain float64 model."""

from pathlib import Path

import numpy as np
import tiny
import torch
import transformers

FACTOR, FLOOR = 4, 2e-6


class Oracle:
    """Plain transformers models of one folder; `fresh` loads them anew for each prompt, where passes leave something behind."""

    def __init__(self, folder: Path, architecture: str, *, fresh: bool = False, **options: str) -> None:
        self.folder, self.blocks, self.fresh, self.options = folder, tiny.BLOCKS[architecture], fresh, options
        self._models: dict[str, torch.nn.Module] = {}
        self._states: dict[tuple[int, ...], tuple[np.ndarray, ...]] = {}

    def states(self, row: list[int]) -> tuple[np.ndarray, ...]:
        """Of the float64 model, of the plain one, and of the plain one on embeddings that are a rounding off."""
        if tuple(row) not in self._states:
            if self.fresh:
                self._models = {}
            self._states[tuple(row)] = (
                self.of("float64", row),
                self.of("float32", row),
                *(self.of("float32", row, seed) for seed in (1, 2, 3)),
            )
        return self._states[tuple(row)]

    def pooled(self, row: list[int], positions: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Right values [layer, d_model], and the error that is allowed [layer]."""
        exact, *plain = (states[:, positions] for states in self.states(row))
        # the embedding of the padding token is zero
        scale = np.maximum(np.linalg.norm(exact, axis=-1).max(-1), np.finfo(np.float64).tiny)
        own = np.max([np.linalg.norm(one.mean(1) - exact.mean(1), axis=-1) for one in plain], axis=0) / scale
        return exact.mean(1), FACTOR * np.maximum(own, FLOOR) * scale

    def excess(self, found: np.ndarray, row: list[int], positions: list[int], layers: list[int] | None = None) -> float:
        """Error of rows [layer, d_model] over the one that is allowed; exact up to 1."""
        right, allowed = self.pooled(row, positions)
        chosen = list(range(len(right))) if layers is None else layers
        return float((np.linalg.norm(found - right[chosen], axis=-1) / allowed[chosen]).max())

    def of(self, dtype: str, row: list[int], seed: int | None = None) -> np.ndarray:
        """States of one of the two models [layer, token, d_model]."""
        if dtype not in self._models:
            options = dict(self.options)
            model = transformers.AutoModelForCausalLM.from_pretrained(self.folder, **options).eval()
            if dtype == "float64":
                model = model.double()
                # torch's product of groups knows no float64
                if hasattr(model, "set_experts_implementation"):
                    model.set_experts_implementation("eager")
            self._models[dtype] = model
        model = self._models[dtype]
        blocks = model.get_submodule(self.blocks)
        if seed is None:
            return np.stack([state.double().numpy() for state in tiny.states_of(model, blocks, row)])
        signs = np.random.default_rng(seed).choice([-1, 1], size=4096)

        def shake(module, args, output):
            return output * (1 + 2**-23 * torch.tensor(np.resize(signs, output.shape), dtype=output.dtype))

        handle = model.get_input_embeddings().register_forward_hook(shake)
        states = np.stack([state.double().numpy() for state in tiny.states_of(model, blocks, row)])
        handle.remove()
        return states
