"""Effects of added directions in worlds whose truth is known: labels that mean nothing, planted effects, and two confounds.

A small model reads texts while directions are added to it, as in `emo steer`. Seeds were fixed before the first run.
"""

import numpy as np
import pytest
import tiny
import torch

from emotion_cli.measures.causal.contrasts import TestTexts
from emotion_cli.measures.causal.effects import Effect, tested
from emotion_cli.measures.causal.nulls import Permuted
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.models.intervening import Edit, Engine, Passage, places_of
from emotion_cli.models.loading import load
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find

NAMES = ("anger", "joy", "neutral")
TOPICS, CONTROLS, TOKENS = 12, 99, 7
LABELS = list(NAMES) * TOPICS
TOPIC_OF = [f"topic {i}" for i in range(TOPICS) for _ in NAMES]
LAYER, ALPHA = 1, 0.2
OF_LABEL = {"anger": (2, 3, 4), "joy": (5, 6, 7), "neutral": (8, 9, 10)}
"""Tokens that stand in the texts of one label only, in worlds where labels mean something."""

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(tmp_path):
    """A model whose predictions are far from uniform, so that a change of its states changes them."""
    tiny.save_model(tmp_path / "tiny", "llama")
    engine = Engine(load(find(str(tmp_path / "tiny"), cache=tmp_path), head=True))
    with torch.no_grad():
        engine.loaded.causal.lm_head.weight.mul_(8)
    return engine


def random_texts(chance, share=0.0):
    """Token ids [text, token]; with this probability a token is one of the label's own."""
    ids = chance.integers(11, 22, size=(len(LABELS), TOKENS))
    own = np.array([chance.choice(OF_LABEL[label], size=TOKENS) for label in LABELS])
    ids = np.where(chance.random(ids.shape) < share, own, ids)
    ids[:, 0] = 0
    return ids


def result(engine, train, test, reference, seed, emotion="anger"):
    """The statistic of one emotion's direction, made of training texts and added while the test texts are read."""
    pooled = pooled_activations(engine.loaded, train.tolist(), poolings=["mean"], layers=[LAYER], batch_tokens=2048)
    rows = pooled.values["mean"][0]
    sampling = Sampling(seed, CONTROLS, ("world",))
    texts = TestTexts(LABELS, TOPIC_OF, None, NAMES[:2], "neutral", sampling)
    permuted = Permuted(Labels(LABELS, TOPIC_OF, NAMES[:2], reference), emotion, sampling)
    directions = permuted.directions(rows)
    passages = [Passage(tuple(row)) for row in test.tolist()]
    places = [places_of(passage, "all") for passage in passages]
    length = float(np.linalg.norm(rows, axis=1).mean())
    scores = engine.scores(passages, Edit(LAYER, ALPHA * length * directions), places)
    own, *draws = (Effect(*pair) for pair in zip(scores.log_prob - scores.unchanged, scores.kl, strict=True))
    return tested(emotion, reference, ALPHA, LAYER, own, draws, texts, permuted.test).statistic


def share(statistics):
    return float(np.mean([statistic.null.p_value < 0.05 for statistic in statistics]))


@pytest.mark.parametrize("reference", ["neutral", OTHERS])
def test_labels_without_a_meaning_rarely_have_an_effect(engine, reference):
    """200 worlds of random texts with random labels."""
    chance = np.random.default_rng(20261128)
    found = [result(engine, random_texts(chance), random_texts(chance), reference, world) for world in range(200)]
    assert share(found) <= 0.09, share(found)


def plant(engine, chance, shared=False):
    """Tokens of an emotion are embedded along an axis that makes the head predict them: one axis each, or the same for both."""
    causal = engine.loaded.causal
    with torch.no_grad():
        axes = torch.linalg.qr(torch.as_tensor(chance.normal(size=(engine.loaded.d_model, 2)), dtype=torch.float32))[0].T
        scale = (float(weight.norm(dim=1).mean()) for weight in (causal.model.embed_tokens.weight, causal.lm_head.weight))
        for weight, size in zip((causal.model.embed_tokens.weight, causal.lm_head.weight), scale, strict=True):
            for axis, label in zip(axes, NAMES[:2], strict=False):
                weight[list(OF_LABEL[label])] += 0.7 * size * (axes[0] if shared else axis)


def test_planted_effects_are_found_and_a_shared_axis_is_not_specific(engine):
    """50 worlds of each kind: the power, and the confound that both emotions use one axis."""
    whole = {name: value.clone() for name, value in engine.loaded.causal.state_dict().items()}
    found = {}
    for shared in (False, True):
        chance = np.random.default_rng(7 + shared)
        for world in range(50):
            engine.loaded.causal.load_state_dict(whole)
            plant(engine, chance, shared)
            train, test = (random_texts(chance, 0.3) for _ in range(2))
            for reference in ("neutral", OTHERS):
                found.setdefault((shared, reference), []).append(result(engine, train, test, reference, world))
    shares = {key: share(statistics) for key, statistics in found.items()}
    assert min(shares[False, "neutral"], shares[False, OTHERS], shares[True, "neutral"]) >= 0.8, shares
    assert shares[True, OTHERS] <= 0.12, shares


def likely_texts(engine, chance):
    """Texts that the model itself writes: any change of it makes them less probable."""
    ids = torch.as_tensor(np.hstack([np.zeros((len(LABELS), 1), int), chance.integers(11, 22, size=(len(LABELS), 1))]))
    with torch.no_grad():
        for _ in range(TOKENS - 2):
            ids = torch.cat([ids, engine.loaded.causal(input_ids=ids).logits[:, -1:].argmax(-1)], 1)
    return ids.numpy()


def test_neutral_texts_that_every_change_makes_worse_are_no_effect(engine):
    """100 worlds: intervals alone would call it an effect, as neutral texts are the model's own and lose most."""
    chance = np.random.default_rng(11)
    is_neutral = np.array([label == "neutral" for label in LABELS])[:, None]
    found = []
    for world in range(100):
        train = random_texts(chance, 0.3)
        test = np.where(is_neutral, likely_texts(engine, chance), random_texts(chance))
        found.append(result(engine, train, test, "neutral", world))
    by_interval = np.mean([statistic.interval.low is not None and statistic.interval.low > 0 for statistic in found])
    assert share(found) <= 0.09 and by_interval >= 0.5, (share(found), by_interval)
