"""Controls: what stands where a model could stand, and knows words only. `words:SEED`, `embeddings:NAME`, `untrained:NAME`."""

import hashlib
import json
from typing import Any, NamedTuple

from emotion_cli.errors import UsageError

WORDS, EMBEDDINGS, UNTRAINED = "words", "embeddings", "untrained"

CONTROLS = (WORDS, EMBEDDINGS, UNTRAINED)
"""The kinds of controls, as a model's name begins with them."""

WITHOUT_PASSES = (WORDS, EMBEDDINGS)
"""Kinds that run no model: each has one layer, the mean over a text."""

DEFAULT_WORDS = "words:0"
"""The words that a run adds; other seeds are other draws of the same control."""

UNTRAINED_SEED = 0
"""Seed of the weights of `untrained`."""

WORDS_VERSION = 1
"""Raise it when the vector of a word, or what counts as a word, changes: it is part of the identity of `words`."""


class Control(NamedTuple):
    """What a control's name says: its kind, and the seed or the model that follows the colon."""

    kind: str
    of: str

    @property
    def name(self) -> str:
        """The name, as it was given."""
        return f"{self.kind}:{self.of}"


def control_of(model: str) -> Control | None:
    """The control that a model's name stands for; None for a model. UsageError where nothing follows the colon."""
    kind, colon, of = model.partition(":")
    if not colon or kind not in CONTROLS:
        return None
    if not of:
        raise UsageError(f"{model}: no model is named after the colon", hint=f"-m {DEFAULT_WORDS}, -m {UNTRAINED}:NAME")
    return Control(kind, of)


def kind_of(model: str) -> str | None:
    """The kind of control that a model's name stands for; None for a model."""
    control = control_of(model)
    return control.kind if control else None


def base_of(model: str) -> str | None:
    """The model that a control is made of; None for a model, and for words."""
    control = control_of(model)
    return control.of if control and control.kind != WORDS else None


def hashes_of_words(control: Control) -> tuple[str, str]:
    """The hashes of what defines random embeddings of words: with the seed, and the rule alone; UsageError for no number."""
    if not control.of.isascii() or not control.of.isdigit() or str(int(control.of)) != control.of:
        problem = f"{control.name}: {control.of!r} is no seed; random words are named by a number"
        raise UsageError(problem, hint=f"-m {DEFAULT_WORDS}")
    return _sha256([WORDS, WORDS_VERSION, int(control.of)]), _sha256([WORDS, WORDS_VERSION])


def hash_of(kind: str, base: tuple[str, str]) -> str:
    """The hash of what defines a control that is made of a model with these hashes."""
    seed = [UNTRAINED_SEED] if kind == UNTRAINED else []
    return _sha256([kind, *seed, *base])


def refuse_as_name(name: str | None) -> None:
    """UsageError for a name of a model that says that it is a control."""
    if name is not None and control_of(name):
        raise UsageError(
            f"--name {name}: names that begin with {name.partition(':')[0]}: are those of controls", hint="another name"
        )


def _sha256(value: list[Any]) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
