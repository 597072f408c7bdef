"""First-order effects in worlds whose truth is known: labels that mean nothing, planted effects, and a null that is too easy.

Seeds were fixed before the first run. In a world of chance, weights, texts and labels are random.
"""

import numpy as np
import pytest
import tiny
import transformers

from emotion_cli.measures.causal.contrasts import TestTexts
from emotion_cli.measures.causal.nulls import Permuted, gaussian, unit
from emotion_cli.measures.causal.responses import projections, responses
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import GAUSSIAN, PERMUTED_RESIDUALS
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.models.gradients import gradients
from emotion_cli.models.intervening import Engine, Passage, places_of
from emotion_cli.models.loading import load
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find

NAMES = ("anger", "joy", "neutral")
TOPICS, DRAWS = 12, 199
LABELS = list(NAMES) * TOPICS
TOPIC_OF = [f"topic {i}" for i in range(TOPICS) for _ in NAMES]


def engine_at(folder, change=lambda model: None):
    tiny.save_model(folder / "tiny", "llama")
    engine = Engine(load(find(str(folder / "tiny"), cache=folder), head=True))
    change(engine.loaded.causal)
    return engine


def results(rows, summed, reference, seed, emotion="anger"):
    """Rows of one emotion at layer 1, given training rows [prompt, d] and gradients of test texts [text, d]."""
    sampling = Sampling(seed, DRAWS, ("world",))
    labels = Labels(LABELS, TOPIC_OF, NAMES[:2], reference)
    texts = TestTexts(LABELS, TOPIC_OF, None, NAMES[:2], "neutral", sampling)
    permuted = Permuted(labels, emotion, sampling)
    random = gaussian(rows.shape[1], DRAWS, seed)
    by_layer = {1: projections(permuted.directions(rows), random, summed, 1.0, texts, emotion, reference)}
    found = responses(emotion, reference, by_layer, texts, permuted.test, [1])
    return {(row.measure, row.layer, row.statistic.null.kind): row.statistic for row in found}


def p_of(found, kind=PERMUTED_RESIDUALS):
    (statistic,) = (
        value for (measure, layer, null), value in found.items() if layer == 1 and null == kind and "best" not in measure
    )
    return statistic.null.p_value


@pytest.mark.slow
@pytest.mark.parametrize("reference", ["neutral", OTHERS])
def test_labels_without_a_meaning_rarely_respond(reference, tmp_path):
    """200 worlds of a random model that reads random texts with random labels: p < 0.05 in 4 % (neutral) and 8.5 % (others).

    Of 1,000 further worlds it was 5.1 % and 6.5 %.
    """
    engine, worlds, chance = engine_at(tmp_path), 200, np.random.default_rng(20261127)
    rejected = []
    for world in range(worlds):
        train, test = (chance.integers(2, 21, size=(len(LABELS), 7)) for _ in range(2))
        train[:, 0] = test[:, 0] = 0
        rows = pooled_activations(engine.loaded, train.tolist(), poolings=["mean"], layers=[1], batch_tokens=1024).values["mean"][
            0
        ]
        passages = [Passage(tuple(row)) for row in test.tolist()]
        summed = gradients(engine, passages, [places_of(passage, "all") for passage in passages]).summed[1]
        rejected.append(p_of(results(rows, summed, reference, world)) < 0.05)
    assert np.mean(rejected) <= 0.09


def test_gaussian_directions_are_too_easy_a_null():
    """Where prompts vary in few dimensions, along which texts respond, Gaussian directions are beaten often: 36 % beside 9 %."""
    chance, scale = np.random.default_rng(3), np.where(np.arange(64) < 4, 1.0, 0.03)
    beyond = {PERMUTED_RESIDUALS: [], GAUSSIAN: []}
    for world in range(100):
        rows, summed = (scale * chance.normal(size=(len(LABELS), 64)) for _ in range(2))
        found = results(rows, summed, "neutral", world)
        for kind, rejected in beyond.items():
            rejected.append(p_of(found, kind) < 0.05)
    assert np.mean(beyond[PERMUTED_RESIDUALS]) <= 0.1 and np.mean(beyond[GAUSSIAN]) >= 0.25


def planted(chance, shared):
    """Training rows and gradients: emotions raise their own texts along one axis each, or (`shared`) along the same."""
    means = np.zeros((3, 16))
    means[0, 0], means[1, 0 if shared else 1] = 1.0, 1.0
    rows = np.tile(means, (TOPICS, 1)) + 0.3 * chance.normal(size=(len(LABELS), 16))
    summed = np.tile(means, (TOPICS, 1)) + 0.5 * chance.normal(size=(len(LABELS), 16))
    return rows, summed


def test_planted_effects_are_found_and_a_shared_axis_is_not_specific():
    """Found against neutral and against others (98 and 100 %); with one axis for both it is not called specific (9 %)."""
    chance, worlds = np.random.default_rng(4), 100
    share = {
        (shared, reference): np.mean(
            [p_of(results(*planted(chance, shared), reference, world)) < 0.05 for world in range(worlds)]
        )
        for shared in (False, True)
        for reference in ("neutral", OTHERS)
    }
    assert min(share[False, "neutral"], share[False, OTHERS], share[True, "neutral"]) >= 0.8, share
    assert share[True, OTHERS] <= 0.11, share


def test_gradients_have_their_closed_form_where_blocks_do_nothing(tmp_path):
    """Blocks add nothing, so every layer is the embedding, and logits are the head of a normed state."""

    def silence(model):
        for block in model.model.layers:
            block.self_attn.o_proj.weight.zero_()
            block.mlp.down_proj.weight.zero_()
        # nothing reads or writes the last dimensions
        model.lm_head.weight[:, 24:] = 0
        model.model.embed_tokens.weight[:, 24:] = 0

    engine = engine_at(tmp_path, silence)
    ids = (0, 5, 6, 9, 13, 7)
    found = gradients(engine, [Passage(ids)], [places_of(Passage(ids), "all")])
    causal = engine.loaded.causal
    assert isinstance(causal, transformers.LlamaForCausalLM)
    states = causal.model.embed_tokens.weight[list(ids)].double().numpy()
    head = causal.lm_head.weight.double().numpy()
    root = np.sqrt((states**2).mean(1, keepdims=True) + causal.config.rms_norm_eps)
    normed = states / root
    expected, log_probs = np.zeros(32), []
    for place in range(len(ids) - 1):
        logits = head @ normed[place]
        probabilities = np.exp(logits - logits.max())
        probabilities /= probabilities.sum()
        log_probs.append(np.log(probabilities[ids[place + 1]]))
        if place:
            of_normed = head[ids[place + 1]] - probabilities @ head
            of_state = (of_normed - normed[place] * (normed[place] @ of_normed) / 32) / root[place]
            expected += of_state / (len(ids) - 1)
    assert found.log_prob[0] == pytest.approx(np.mean(log_probs), abs=1e-5)
    for layer in range(4):
        np.testing.assert_allclose(found.summed[layer, 0], expected, atol=1e-5)
    orthogonal = unit(np.where(np.arange(32) >= 24, 1.0, 0.0))
    assert np.abs(found.summed[:, 0] @ orthogonal).max() < 1e-7


def test_a_direction_of_no_length_has_no_response():
    found = results(np.ones((len(LABELS), 8)), np.ones((len(LABELS), 8)), "neutral", 0)
    assert all(statistic.value is None and statistic.null.p_value is None for statistic in found.values())
