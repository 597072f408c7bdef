"""Checks that activations are read correctly: what is measured, and the bound for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotion_cli.errors import CheckFailedError, UsageError
from emotion_cli.models.residual import residual_stream
from emotion_cli.models.structure import TWO_TOKENS, output_state
from emotion_cli.models.tokens import first_token, tokenize, wrapped

if TYPE_CHECKING:
    from torch import Tensor

    from emotion_cli.models.loaded import LoadedModel

CAUSAL_TOLERANCE = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 2e-2}
"""Largest change over norm of a token's state that a later token may cause, by rounding, in each number format."""

NORM_TOLERANCE = {"float32": 1e-4, "float16": 5e-2, "bfloat16": 5e-2}
"""Largest error over norm that the final norm, applied once more to the top layer, may show in each number format."""

SINK = 5.0
"""A token this many times as long as the median token of its layer is an attention sink."""

TINY = float(np.finfo(np.float32).tiny)

PROBES = (
    "Rain.",
    "We walked home.",
    "The kettle is on the stove, and the window is open.",
    "Nobody had told the driver that the bridge was closed, so the bus waited for an hour by the river.",
    "Please leave the parcel with the neighbour at number nine!",
    "Is this seat taken?",
    "In the second drawer there are two candles, a box of matches, some string and a map of the old town.",
)
"""Texts of many lengths; any would do."""


class Check(NamedTuple):
    """One check: the measured value, the largest (or, in `detail`, the only) value allowed, and the verdict."""

    name: str
    value: float
    bound: float
    passed: bool
    detail: str


def check_model(loaded: "LoadedModel") -> list[Check]:
    """Every check of a loaded model; some forward passes over a handful of short prompts."""
    checks = [*structure(loaded), *tokens(loaded)]
    if any(check.name == "vocabulary" and not check.passed for check in checks):
        return checks  # ids without an embedding cannot be run
    ids = _probe_ids(loaded)
    return [*checks, _padding(loaded, ids), _batches(loaded, ids), dtype_safety(loaded, ids), token_norms_alike(loaded, ids)]


def structure(loaded: "LoadedModel") -> list[Check]:
    """On two tokens: the hooks see n_layers + 1 states of d_model, the top one is before the final norm, and all are causal."""
    import torch

    seen, final = _states(loaded, TWO_TOKENS)
    widths = sorted({state.shape[-1] for state in seen.values()})
    count = Check(
        "layer_count",
        len(seen) - 1,
        loaded.n_layers,
        len(seen) - 1 == loaded.n_layers and widths == [loaded.d_model],
        f"the config says {loaded.n_layers} blocks of width {loaded.d_model}, the hooks saw {len(seen) - 1} of {widths}",
    )
    path = " and ".join(loaded.structure.after_blocks)
    with torch.inference_mode():
        reached = seen[len(seen) - 1]
        try:
            for module in loaded.structure.after_blocks.values():
                reached = module(reached)
        except TypeError as error:  # it takes more than the state
            reached, path = reached.new_empty(0), f"{path} ({error})"
    error = _number((reached - final).norm() / final.norm()) if reached.shape == final.shape else float("inf")
    bound = NORM_TOLERANCE[loaded.dtype]
    top = Check(
        "top_before_final_norm",
        error,
        bound,
        error <= bound,
        f"the top layer, through {path or 'no norm (this model has none)'}, against the decoder's own output",
    )
    return [count, top, _causal(loaded, seen)]


def prove_structure(loaded: "LoadedModel") -> None:
    """Refuse a loaded model that fails a check: UsageError when it is of a wrong kind, else CheckFailedError."""
    if loaded.dtype == "float16":
        largest = dtype_safety(loaded, _probe_ids(loaded))
        if not largest.passed:
            problem = f"float16 overflows: its components reach {largest.value:.0f}, and float16 ends at {largest.bound:.0f}"
            raise UsageError(f"{loaded.source.name}: {problem}", hint="--dtype bfloat16")
    for check in structure(loaded):
        if check.passed:
            continue
        if check.name == "causal":
            problem = f"a {loaded.architecture} model that is not causal: tokens see those after them"
            raise UsageError(f"{loaded.source.name}: {problem}", hint="emo models list")
        measured = "" if check.name == "layer_count" else f" with {check.value:.2g}, where at most {check.bound:.2g} is allowed"
        problem = f"check {check.name} failed{measured}: {check.detail}{loaded.said_of_weights()}"
        raise CheckFailedError(f"{loaded.source.name}: {problem}", hint=f"emo models check {loaded.source.given}")


def tokens(loaded: "LoadedModel") -> list[Check]:
    """BOS stands first, once, where the rule puts it, ids have embeddings and are those of tokenizer.json; no forward pass."""
    first, texts = first_token(loaded), list(PROBES)
    rules = [("never", False)]
    if first is not None:
        rules += [("auto", False), ("always", False)]
        # a template that cannot be used is refused where somebody asks for it
        rules += [("auto", True)] if loaded.tokenizer.chat_template and _can_wrap(loaded) else []
    wrong, largest, detail = 0, 0, "it has neither BOS nor EOS" if first is None else f"token {first} first, once"
    for rule, template in rules:
        try:
            ids = tokenize(loaded, texts, bos=rule, chat_template=template, truncate=True).ids
        except UsageError as error:
            wrong, detail = wrong + len(texts), str(error)
            continue
        if first is not None:
            wrong += sum(not _obeys(row, first, rule) for row in ids)
        largest = max(largest, *(max(row) for row in ids))
    rows = loaded.model.get_input_embeddings().weight.shape[0]
    asked = ", ".join(dict.fromkeys(rule + " with the chat template" * template for rule, template in rules))
    return [
        Check("bos", wrong, 0, wrong == 0, f"prompts at fault under {asked}: {detail}"),
        Check("vocabulary", largest, rows - 1, largest < rows, f"largest token id of the probes; {rows} embeddings"),
        _tokenizer_file(loaded),
    ]


def _can_wrap(loaded: "LoadedModel") -> bool:
    try:
        wrapped(loaded.tokenizer, loaded.source.name, PROBES)
    except UsageError:
        return False
    return True


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


def dtype_safety(loaded: "LoadedModel", ids: Sequence[list[int]]) -> Check:
    """The largest component of any layer over these prompts: below half of the format's largest number."""
    import torch

    states = [state for row in ids for state in _states(loaded, row)[0].values()]
    value, bound = (
        max(_number(state.float().abs().max()) for state in states),
        float(torch.finfo(getattr(torch, loaded.dtype)).max),
    )
    half = float(torch.finfo(torch.float16).max)
    fits = f"half of float16's largest number is {half / 2:.0f}: float16 is {'safe' if value < half / 2 else 'not safe'}"
    return Check("dtype_safety", value, bound, value < bound / 2, f"largest component in {loaded.dtype}; {fits}")


def token_norms_alike(loaded: "LoadedModel", ids: Sequence[list[int]]) -> Check:
    """The largest norm of a token after the first over its layer's median; it tells what to expect, and never fails."""
    states = [_norms_after_the_first(loaded, row) for row in ids if len(row) > 1]
    norms = [np.concatenate(of_layer) for of_layer in zip(*states, strict=True)]
    ratios = [_finite(of_layer.max() / max(np.median(of_layer), TINY)) for of_layer in norms]
    largest = max(ratios, default=1.0)
    advice = "the mean difference may see little: --method whitened, or --pooling content" if largest > SINK else "none is a sink"
    where = f"at layer {int(np.argmax(ratios))}, " if ratios else ""
    detail = f"{where}largest norm of a token over the median of its layer; {advice} (this check never fails)"
    return Check("token_norms", largest, SINK, True, detail)


def _norms_after_the_first(loaded: "LoadedModel", row: Sequence[int]) -> list[np.ndarray]:
    seen, _ = _states(loaded, row)
    return [seen[layer][0, 1:].float().norm(dim=-1).cpu().numpy() for layer in sorted(seen)]


def _causal(loaded: "LoadedModel", seen: "dict[int, Tensor]") -> Check:
    """Whether the states of the first token stay as they are when the second is another."""
    first, second = TWO_TOKENS
    changed, _ = _states(loaded, (first, second + 1))
    changes = [
        _number((changed[layer] - state)[0, 0].float().norm() / state[0, 0].float().norm().clamp(min=TINY))
        for layer, state in seen.items()
    ]
    bound = CAUSAL_TOLERANCE[loaded.dtype]
    return Check(
        "causal", max(changes), bound, max(changes) <= bound, "change over norm of a token's state by the token after it"
    )


def _states(loaded: "LoadedModel", row: Sequence[int]) -> "tuple[dict[int, Tensor], Tensor]":
    """The state of each layer [1, token, d_model] of one prompt, and the decoder's own output."""
    import torch

    seen: dict[int, Tensor] = {}

    def read(layer: int, hidden: "Tensor") -> None:
        seen[layer] = hidden.clone()

    with torch.inference_mode(), residual_stream(loaded, range(len(loaded.blocks) + 1), read):
        final = loaded.model(input_ids=torch.tensor([list(row)], device=loaded.device), use_cache=False)
    return seen, output_state(final)


def _invariance(loaded: "LoadedModel", name: str, groups: Sequence[Sequence[list[int]]], change: str) -> Check:
    """The largest error, relative to its bound, over layers and poolings, of prompts that run in one batch."""
    from emotion_cli.models.exactness import FACTOR, FLOOR, POOLED, Agreement, agreement, positions_of, reference
    from emotion_cli.models.pooling import NotFiniteError, pooled_activations

    layers = range(loaded.n_layers + 1)
    worst, why = Agreement(0.0, FACTOR * FLOOR[loaded.dtype]), ""
    try:
        for rows in groups:
            against = reference(loaded, rows, positions_of(rows, POOLED), layers)
            # all at once, but for prompts of which the model needs to know the length
            packed = pooled_activations(
                loaded, rows, poolings=POOLED, layers=layers, strategy="sorted", batch_tokens=len(rows) * max(map(len, rows))
            ).values
            worst = max(worst, agreement(packed, against, loaded.dtype), key=lambda result: result.error / result.bound)
            why = against.why
    except NotFiniteError:  # which no bound allows
        worst = worst._replace(error=float("inf"))
    against_what = f"the plain pass (no float64 pass: {why})" if why else "a float64 pass"
    return Check(name, worst.error, worst.bound, worst.exact, f"error of {change}, against {against_what} of one prompt")


def _number(value: "Tensor") -> float:
    return _finite(float(value))


def _finite(number: float) -> float:
    return float(number) if np.isfinite(number) else float("inf")


def _probe_ids(loaded: "LoadedModel") -> list[list[int]]:
    return tokenize(loaded, list(PROBES), bos="auto", truncate=True).ids
