"""Whether a model is read rightly: what is measured of it, and the bound that the measurement must keep."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.errors import UsageError
from emotion_cli.models.residual import residual_stream
from emotion_cli.models.tokens import first_token, tokenize

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loading import LoadedModel

NORM_TOLERANCE = {"float32": 1e-4, "float16": 5e-2, "bfloat16": 5e-2}
"""Largest error over norm that the final norm, applied once more to the top layer, may show in each number format."""

FINAL_NORM = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "norm_f", "decoder.final_layer_norm")
"""Names that the norm behind the last block goes by."""

PROJECTION = "decoder.project_out"
"""Behind the norm, where embeddings are narrower than the residual stream (OPT-350M)."""

PROBES = (
    "Rain.", "We walked home.", "The kettle is on the stove, and the window is open.",
    "Nobody had told the driver that the bridge was closed, so the bus waited for an hour by the river.",
    "Please leave the parcel with the neighbour at number nine!", "Is this seat taken?",
    "In the second drawer there are two candles, a box of matches, some string and a map of the old town.",
)  # fmt: skip
"""Texts of many lengths; any would do."""


class Check(NamedTuple):
    """One thing that was checked: what was measured, the largest (or, in `detail`, the only) value allowed, and the verdict."""

    name: str
    value: float
    bound: float
    passed: bool
    detail: str


def check_model(loaded: "LoadedModel") -> list[Check]:
    """Every check of a loaded model; some forward passes over a handful of short prompts."""
    found = [*structure(loaded), *tokens(loaded), _tokenizer_file(loaded)]
    if any(check.name == "vocabulary" and not check.passed for check in found):
        return found  # ids without an embedding cannot be run
    ids = _probe_ids(loaded)
    return [*found, _padding(loaded, ids), _batches(loaded, ids), _range(loaded, ids)]


def structure(loaded: "LoadedModel") -> list[Check]:
    """On two tokens: the hooks see n_layers + 1 states of d_model, and the top one is before the final norm."""
    import torch

    seen: dict[int, Tensor] = {}
    ids = torch.tensor([[1, 2]], device=loaded.device)
    with torch.inference_mode(), residual_stream(loaded, range(len(loaded.blocks) + 1), seen.__setitem__):
        final = loaded.model(input_ids=ids, use_cache=False).last_hidden_state
    widths = sorted({state.shape[-1] for state in seen.values()})
    count = Check(
        "layer_count", len(seen) - 1, loaded.n_layers, len(seen) - 1 == loaded.n_layers and widths == [loaded.d_model],
        f"the config says {loaded.n_layers} blocks of width {loaded.d_model}, the hooks saw {len(seen) - 1} of {widths}",
    )  # fmt: skip
    with torch.inference_mode():
        reached, path = _behind_blocks(loaded, seen[len(seen) - 1])
    error = _number((reached - final).norm() / final.norm()) if reached.shape == final.shape else float("inf")
    bound = NORM_TOLERANCE[loaded.dtype]
    top = Check(
        "top_before_final_norm", error, bound, error <= bound,
        f"the top layer, through {path or 'no norm (this model has none)'}, against the decoder's own output",
    )  # fmt: skip
    return [count, top]


def tokens(loaded: "LoadedModel") -> list[Check]:
    """BOS stands first, once, where the rule puts it, and every id has an embedding; costs no forward pass."""
    first, texts = first_token(loaded), list(PROBES)
    rules = [("never", False), ("auto", False)] + ([("always", False)] if first is not None else [])
    if first is not None and loaded.tokenizer.chat_template:
        rules.append(("auto", True))
    wrong, largest, said = 0, 0, "it has neither BOS nor EOS" if first is None else f"token {first} first, once"
    for rule, template in rules:
        try:
            ids = tokenize(loaded, texts, bos=rule, chat_template=template, truncate=True).ids
        except UsageError as error:
            wrong, said = wrong + len(texts), str(error)
            continue
        if first is not None:
            wrong += sum(not _obeys(row, first, rule) for row in ids)
        largest = max(largest, *(max(row) for row in ids))
    rows = loaded.model.get_input_embeddings().weight.shape[0]
    asked = ", ".join(dict.fromkeys(rule + " with the chat template" * template for rule, template in rules))
    return [
        Check("bos", wrong, 0, wrong == 0, f"prompts at fault under {asked}: {said}"),
        Check("vocabulary", largest, rows - 1, largest < rows, f"largest token id of the probes; {rows} embeddings"),
    ]


def _obeys(row: Sequence[int], first: int, rule: str) -> bool:
    stands = row[0] == first
    return not stands if rule == "never" else stands and row[1:2] != [first]


def _tokenizer_file(loaded: "LoadedModel") -> Check:
    path = loaded.source.folder / "tokenizer.json"
    if not path.is_file():
        return Check("tokenizer_file", 0, 0, True, "there is no tokenizer.json to compare with")
    from tokenizers import Tokenizer

    saved = Tokenizer.from_file(str(path))
    rows = tokenize(loaded, list(PROBES), bos="never").ids
    wrong = sum(row != saved.encode(text, add_special_tokens=False).ids for text, row in zip(PROBES, rows, strict=True))
    return Check("tokenizer_file", wrong, 0, wrong == 0, "probes whose ids are not those of tokenizer.json")


def _padding(loaded: "LoadedModel", ids: Sequence[list[int]]) -> Check:
    longest = max(ids, key=len)
    return _invariance(loaded, "padding_invariance", [[row, longest] for row in ids], "a prompt padded to the longest")


def _batches(loaded: "LoadedModel", ids: Sequence[list[int]]) -> Check:
    # of one length, so that nothing is padded
    width = min(max(map(len, ids)), max(2, sorted(map(len, ids))[len(ids) // 2]))
    rows = [row[:width] for row in ids if len(row) >= width]
    return _invariance(loaded, "batch_invariance", [rows, rows[::-1]], f"{len(rows)} prompts in one batch")


def _range(loaded: "LoadedModel", ids: Sequence[list[int]]) -> Check:
    import torch

    largest = [0.0]

    def read(layer: int, hidden: "Tensor") -> None:
        largest.append(_number(hidden.float().abs().max()))

    with torch.inference_mode(), residual_stream(loaded, range(loaded.n_layers + 1), read):
        for row in ids:
            loaded.model(input_ids=torch.tensor([row], device=loaded.device), use_cache=False)
    value, bound = max(largest), float(torch.finfo(getattr(torch, loaded.dtype)).max)
    half = float(torch.finfo(torch.float16).max)
    fits = f"half of float16's largest number is {half / 2:.0f}: float16 is {'safe' if value < half / 2 else 'not safe'}"
    return Check("dtype_safety", value, bound, value < bound / 2, f"largest component in {loaded.dtype}; {fits}")


def _invariance(loaded: "LoadedModel", name: str, groups: Sequence[Sequence[list[int]]], what: str) -> Check:
    """The largest error, for what is allowed, over layers and poolings, of prompts that run in one batch."""
    from emotion_cli.models.exactness import FACTOR, FLOOR, POOLED, Agreement, agreement, positions_of, reference
    from emotion_cli.models.extraction import NotFiniteError, pooled_activations

    layers = range(loaded.n_layers + 1)
    worst, why = Agreement(0.0, FACTOR * FLOOR[loaded.dtype]), ""
    try:
        for rows in groups:
            against = reference(loaded, rows, positions_of(rows, POOLED), layers)
            # all at once, but for prompts of which the model needs to know the length
            found = pooled_activations(
                loaded, rows, poolings=POOLED, layers=layers, strategy="sorted", batch_tokens=len(rows) * max(map(len, rows))
            ).values
            worst = max(worst, agreement(found, against, loaded.dtype), key=lambda one: one.error / one.bound)
            why = against.why
    except NotFiniteError:  # which no bound allows
        worst = worst._replace(error=float("inf"))
    against_what = f"the plain pass (no float64 pass: {why})" if why else "a float64 pass"
    return Check(name, worst.error, worst.bound, worst.exact, f"error of {what}, against {against_what} of one prompt")


def _number(value: "Tensor") -> float:
    found = float(value)
    return found if np.isfinite(found) else float("inf")


def _probe_ids(loaded: "LoadedModel") -> list[list[int]]:
    return tokenize(loaded, list(PROBES), bos="auto", truncate=True).ids


def _behind_blocks(loaded: "LoadedModel", top: "Tensor") -> "tuple[Tensor, str]":
    """What the decoder makes of the top layer, and through which of its modules: the final norm, then the projection."""
    modules = dict(loaded.model.named_modules())
    norm = next((path for path in FINAL_NORM if path in modules), None)
    through = [path for path in (norm, PROJECTION) if path is not None and path in modules]
    for path in through:
        top = modules[path](top)
    return top, " and ".join(through)
