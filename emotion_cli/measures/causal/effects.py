"""Effects of finite changes on labelled texts: contrasts beside their nulls, what they cost, and how linear they are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.causal.contrasts import TestTexts
from emotion_cli.measures.causal.responses import Response, kind_of_contrast
from emotion_cli.measures.inference.statistic import NO_NULL, Statistic, Tail, Test, null_of

DAMAGE_BUDGET = 0.5
"""KL on neutral text, in nats a token, from which on an effect is not counted: the model no longer says what it said."""


class Effect(NamedTuple):
    """What one direction does at one alpha: change of each text's log-probability [text], and KL [text]; nats a token."""

    change: np.ndarray
    kl: np.ndarray


def damage(effect: Effect, texts: TestTexts) -> float:
    """Mean KL over neutral texts; NaN where there are none."""
    return float(np.mean(effect.kl[texts.is_label(texts.neutral)])) if texts.n({texts.neutral: 1.0}) else float("nan")


def effects(
    emotion: str,
    reference: str,
    alpha: float,
    layer: int,
    effect: Effect,
    predicted: float | None,
    texts: TestTexts,
    control: str | None = None,
) -> list[Response]:
    """The contrast, the effect on each label's own texts, damage, and linearity: the contrast over alpha times the response.

    `predicted` is the response at the layer, to first order.
    """
    coefficients = texts.coefficients(emotion, reference)

    def row(measure: str, values: np.ndarray, of: dict[str, float], target: str | None = None) -> Response:
        n = texts.n(of)
        value = float(texts.weights(of)[used] @ values[used]) if n and (used := _used(texts, of)).any() else None
        return Response(emotion, layer, measure, Statistic(value, NO_NULL, n, texts.interval(values, of)), alpha, target, control)

    rows = [row(f"effect_{kind_of_contrast(reference)}", effect.change, coefficients)]
    rows.append(row("effect_own", effect.change, {emotion: 1.0}))
    labels = sorted({*texts.emotions, texts.neutral})
    rows += [row("effect_on_label", effect.change, {label: 1.0}, label) for label in labels]
    rows.append(row("damage_kl", effect.kl, {texts.neutral: 1.0}))
    rows.append(row("damage_nll", -effect.change, {texts.neutral: 1.0}))
    if predicted and alpha:
        value = rows[0].statistic.value
        ratio = Statistic(None if value is None else value / (alpha * predicted), NO_NULL, rows[0].statistic.n)
        rows.append(Response(emotion, layer, "linearity", ratio, alpha, None, control))
    return rows


def tested(
    emotion: str, reference: str, alpha: float, layer: int, effect: Effect, draws: Sequence[Effect], texts: TestTexts, test: Test
) -> Response:
    """The contrast beside the same contrast of directions of permuted labels; one-sided."""
    coefficients = texts.coefficients(emotion, reference)
    used, weights = _used(texts, coefficients), texts.weights(coefficients)
    value = float(weights[used] @ effect.change[used]) if texts.n(coefficients) else None
    null = null_of(value, np.array([weights[used] @ draw.change[used] for draw in draws]), Tail.UPPER, *test)
    interval = texts.interval(effect.change, coefficients)
    statistic = Statistic(value, null, texts.n(coefficients), interval)
    return Response(emotion, layer, f"effect_{kind_of_contrast(reference)}", statistic, alpha)


def _used(texts: TestTexts, coefficients: dict[str, float]) -> np.ndarray:
    return np.isin(np.asarray(texts.labels), list(coefficients))
