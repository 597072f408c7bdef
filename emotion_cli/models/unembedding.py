"""What a direction of the residual stream adds to the scores of tokens: through the final norm at one state, and the head.

The norm is not linear. Taken is its derivative at a given state, so that scores are linear in the direction.
"""

import codecs
import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emotion_cli.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loaded import LoadedModel


class Token(NamedTuple):
    """A token of the vocabulary and its score, in standard deviations of all tokens' scores."""

    text: str
    z: float


REPLACED = "\ufffd"
"""What a decoder puts in the place of bytes that are no character."""

BYTES_SHOWN = "emotion_cli.bytes"


def _shown(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(f"<0x{byte:02X}>" for byte in error.object[error.start : error.end]), error.end


codecs.register_error(BYTES_SHOWN, _shown)


def bytes_of(name: str) -> bytes | None:
    """The bytes of a token whose name in the vocabulary writes each as a letter (GPT-2), or is one byte (`<0xE2>`); else None."""
    if match := re.fullmatch(r"<0x([0-9A-F]{2})>", name):
        return bytes.fromhex(match[1])
    known = _byte_of_letter()
    return bytes(known[letter] for letter in name) if {*name} <= known.keys() else None


@cache
def _byte_of_letter() -> dict[str, int]:
    """GPT-2's letters: a printable byte is its own letter, and the others are those from 256 on."""
    own = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + place): byte for place, byte in enumerate(others)}


class Unembedding:
    """The modules between the last block and the scores of tokens. UsageError for a model without such a head."""

    def __init__(self, loaded: "LoadedModel") -> None:
        head = loaded.causal.get_output_embeddings() if loaded.causal is not None else None
        if head is None or getattr(head, "weight", None) is None:
            raise UsageError(f"{loaded.source.name}: it has no head that scores tokens", hint="emo models list")
        self._loaded, self._head = loaded, head

    def single_tokens(self, words: Sequence[str]) -> dict[str, int]:
        """The words that are one token behind a space, with that token; others have no score of their own."""
        tokenizer = self._loaded.tokenizer
        rows = tokenizer([f" {word}" for word in words], add_special_tokens=False)["input_ids"]
        return {word: row[0] for word, row in zip(words, rows, strict=True) if len(row) == 1}

    def of_tokens(self, state: np.ndarray, ids: Sequence[int]) -> np.ndarray:
        """Vectors [token, d_model] whose product with a direction is what it adds to each token's score at a state [d_model]."""
        import torch

        weight = self._head.weight[torch.tensor(list(ids), device=self._loaded.device)].float()
        with torch.enable_grad():
            states = self._tensor(state).expand(len(weight), -1).clone().requires_grad_()
            (gradient,) = torch.autograd.grad((self._normed(states).float() * weight).sum(), states)
        return gradient.double().cpu().numpy()

    def nearest(self, state: np.ndarray, direction: np.ndarray, count: int) -> list[Token]:
        """The tokens to whose score a direction [d_model] adds most at a state [d_model]."""
        import torch

        states, along = self._tensor(state)[None], self._tensor(direction)[None]
        with torch.enable_grad():
            # a derivative along one direction by two backward passes, which every module has
            states.requires_grad_()
            normed = self._normed(states).float()
            weights = torch.ones_like(normed, requires_grad=True)
            (gradient,) = torch.autograd.grad(normed, states, weights, create_graph=True)
            (moved,) = torch.autograd.grad((gradient * along).sum(), weights)
        scores = (self._head.weight.float() @ moved[0].float()).double().cpu().numpy()
        z = (scores - scores.mean()) / scores.std()
        chosen = np.argsort(-z, kind="stable")[:count].tolist()
        return [Token(self.text_of(token), float(z[token])) for token in chosen]

    def text_of(self, token: int) -> str:
        """A token's text; where it holds only some bytes of a character, bytes as `<0xE2>` in the place of those."""
        tokenizer = self._loaded.tokenizer
        text = tokenizer.decode([token])
        if REPLACED not in text:
            return text
        content = bytes_of(tokenizer.convert_ids_to_tokens(token))
        return text if content is None else content.decode("utf-8", errors=BYTES_SHOWN)

    def _tensor(self, values: np.ndarray) -> "Tensor":
        import torch

        return torch.from_numpy(np.asarray(values, np.float32)).to(self._loaded.device)

    def _normed(self, states: "Tensor") -> Any:
        """States [row, d_model] behind the modules that follow the last block."""
        dtype = next(self._loaded.model.parameters()).dtype
        for module in self._loaded.structure.after_blocks.values():
            # some know states of [batch, token, d_model] only
            states = module(states.to(dtype)[None])[0]
        return states
