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
        self._states: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}

    def states(self, row: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Of the plain and the float64 model [layer, token, d_model]."""
        if tuple(row) not in self._states:
            if self.fresh:
                self._models = {}
            self._states[tuple(row)] = (self.of("float32", row), self.of("float64", row))
        return self._states[tuple(row)]

    def pooled(self, row: list[int], positions: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Right values [layer, d_model], and the error that is allowed [layer]."""
        plain, exact = (states[:, positions] for states in self.states(row))
        # the embedding of the padding token is zero
        scale = np.maximum(np.linalg.norm(exact, axis=-1).max(-1), np.finfo(np.float64).tiny)
        own = np.linalg.norm(plain.mean(1) - exact.mean(1), axis=-1) / scale
        return exact.mean(1), FACTOR * np.maximum(own, FLOOR) * scale

    def excess(self, found: np.ndarray, row: list[int], positions: list[int], layers: list[int] | None = None) -> float:
        """Error of rows [layer, d_model] over the one that is allowed; exact up to 1."""
        right, allowed = self.pooled(row, positions)
        chosen = list(range(len(right))) if layers is None else layers
        return float((np.linalg.norm(found - right[chosen], axis=-1) / allowed[chosen]).max())

    def of(self, dtype: str, row: list[int]) -> np.ndarray:
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
        return np.stack([state.double().numpy() for state in tiny.states_of(model, model.get_submodule(self.blocks), row)])
