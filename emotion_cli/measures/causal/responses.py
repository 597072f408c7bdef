"""The first-order effect of directions on texts: dot products with gradients, at every layer, for every draw."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.causal.contrasts import TestTexts
from emotion_cli.measures.inference.statistic import (
    GAUSSIAN,
    NO_NULL,
    Statistic,
    Tail,
    Test,
    defined,
    null_of,
)
from emotion_cli.measures.labels import OTHERS

GENERAL, SPECIFIC = "general", "specific"


class Response(NamedTuple):
    """One statistic of an emotion's direction; layer None is the mean over layers. `alpha` None: to first order."""

    emotion: str
    layer: int | None
    measure: str
    statistic: Statistic
    alpha: float | None = None
    target_emotion: str | None = None
    control: str | None = None


def kind_of_contrast(reference: str) -> str:
    """What a direction with this reference is tested on: `general` against a label, `specific` against other emotions."""
    return SPECIFIC if reference == OTHERS else GENERAL


class Projections(NamedTuple):
    """Effects of one emotion's directions on every text at one layer.

    `own` [text] is that of the direction itself, `permuted` [draw] and `gaussian` [draw] are the contrast under the nulls.
    """

    own: np.ndarray
    permuted: np.ndarray
    gaussian: np.ndarray


def projections(
    directions: np.ndarray,
    gaussian: np.ndarray,
    gradients: np.ndarray,
    length: float,
    texts: TestTexts,
    emotion: str,
    reference: str,
) -> Projections:
    """Effects of one unit of directions [1 + draw, d_model], given gradients [text, d_model] and a unit of `length`."""
    gradients = length * np.asarray(gradients, np.float64)
    contrast = texts.weights(texts.coefficients(emotion, reference)) @ gradients
    return Projections(gradients @ directions[0], directions[1:] @ contrast, gaussian @ contrast)


def responses(
    emotion: str,
    reference: str,
    by_layer: dict[int, Projections],
    texts: TestTexts,
    test: Test,
    averaged: Collection[int],
) -> list[Response]:
    """Responses at each layer, their mean over the averaged layers, and the largest z over these with a null of its own.

    With each the effect on the emotion's own texts, and the same beside Gaussian directions.
    """
    layers, kind = sorted(by_layer), kind_of_contrast(reference)
    covered = [layer for layer in layers if layer in averaged and np.isfinite(by_layer[layer].own).all()]
    coefficients = texts.coefficients(emotion, reference)
    rows: list[Response] = []
    for layer in [*layers, *([None] if covered else [])]:
        members = [by_layer[layer]] if layer is not None else [by_layer[covered_layer] for covered_layer in covered]
        own = np.mean([member.own for member in members], axis=0)
        permuted, gaussian = (np.mean([getattr(member, name) for member in members], axis=0) for name in ("permuted", "gaussian"))
        value = _value(texts, own, coefficients)
        interval, n = texts.interval(own, coefficients), texts.n(coefficients)
        null = null_of(value, permuted, Tail.UPPER, *test)
        rows.append(Response(emotion, layer, f"response_{kind}", Statistic(value, null, n, interval)))
        beside = null_of(value, gaussian, Tail.UPPER, GAUSSIAN)
        rows.append(Response(emotion, layer, f"response_{kind}", Statistic(value, beside, n, interval)))
        alone = {emotion: 1.0}
        own_texts = Statistic(_value(texts, own, alone), NO_NULL, texts.n(alone), texts.interval(own, alone))
        rows.append(Response(emotion, layer, "response_own", own_texts))
    if covered:
        rows.append(_best(emotion, [by_layer[layer] for layer in covered], covered, texts, coefficients, test))
    return rows


def _best(
    emotion: str,
    members: Sequence[Projections],
    layers: Sequence[int],
    texts: TestTexts,
    coefficients: dict[str, float],
    test: Test,
) -> Response:
    values = np.array([_value(texts, member.own, coefficients) for member in members], float)
    draws = np.array([member.permuted for member in members])
    # a permutation that leaves all labels as they are has no direction at any layer
    draws = draws[:, np.isfinite(draws).any(0)]
    if not draws.size:
        return Response(emotion, layers[0], "response_best", Statistic(None, NO_NULL, texts.n(coefficients)))
    mean, spread = draws.mean(1, keepdims=True), draws.std(1, keepdims=True)
    spread = np.where(spread > 0, spread, np.nan)
    z, z_draws = (values - mean[:, 0]) / spread[:, 0], (draws - mean) / spread
    if not np.isfinite(z).any():
        return Response(emotion, layers[0], "response_best", Statistic(None, NO_NULL, texts.n(coefficients)))
    place = int(np.nanargmax(z))
    null = null_of(defined(z[place]), np.nanmax(z_draws[np.isfinite(z)], axis=0), Tail.UPPER, *test)
    return Response(emotion, layers[place], "response_best", Statistic(defined(z[place]), null, texts.n(coefficients)))


def _value(texts: TestTexts, values: np.ndarray, coefficients: dict[str, float]) -> float | None:
    used = np.isin(np.asarray(texts.labels), list(coefficients))
    return defined(float(texts.weights(coefficients)[used] @ values[used])) if texts.n(coefficients) else None
