"""Rows of controls that run no model: means of random vectors of words, and of a model's own embeddings of tokens."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel

WIDTH = 512
"""Dimensions of the random vector of a word."""


def word_rows(texts: Iterable[Sequence[str]], seed: int) -> np.ndarray:
    """Mean of the random vectors of each text's words [text, WIDTH], float32; NaN for a text without words."""
    known: dict[str, np.ndarray] = {}
    rows = []
    for words in texts:
        for word in words:
            if word not in known:
                known[word] = vector_of_word(word, seed)
        rows.append(np.mean([known[word] for word in words], axis=0) if words else np.full(WIDTH, np.nan))
    return np.array(rows, np.float32).reshape(-1, WIDTH)


def vector_of_word(word: str, seed: int) -> np.ndarray:
    """The Gaussian vector of a word [WIDTH]: a hash of seed and word begins it, so that no vocabulary is needed."""
    digest = hashlib.sha256(f"{seed}\0{word}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big")).normal(size=WIDTH)


def token_ids(loaded: "LoadedModel", texts: Sequence[str]) -> list[list[int]]:
    """The tokens of each text, without special ones; a text may have none."""
    special = set(loaded.tokenizer.all_special_ids)
    rows = loaded.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return [[token for token in row if token not in special] for row in rows]


def embedding_rows(loaded: "LoadedModel", ids: Sequence[Sequence[int]]) -> np.ndarray:
    """Mean of the model's embeddings of each text's tokens [text, width], float32; NaN for a text without tokens.

    The rows of the embedding matrix as they are stored: positions, norms and constant factors of a model are left out.
    """
    import torch

    matrix = loaded.model.get_input_embeddings().weight
    with torch.inference_mode():
        used = sorted({token for row in ids for token in row})
        place = {token: i for i, token in enumerate(used)}
        vectors = matrix[torch.tensor(used, dtype=torch.long, device=matrix.device)].double().cpu().numpy()
    rows = [vectors[[place[token] for token in row]].mean(0) if row else np.full(vectors.shape[1], np.nan) for row in ids]
    return np.array(rows, np.float32).reshape(-1, vectors.shape[1])
