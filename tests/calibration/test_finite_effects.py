"""Effects of added directions in worlds whose truth is known: labels that mean nothing.

A small model reads texts while directions are added to it, as in `emo steer`. Seeds were fixed before the first run.
"""

import numpy as np
import pytest
import tiny
import torch

from emotion_cli.measures.causal import effects
from emotion_cli.measures.causal.contrasts import TestTexts
from emotion_cli.measures.causal.effects import Effect
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

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(tmp_path):
    """A model whose predictions are far from uniform, so that a change of its states changes them."""
    tiny.save_model(tmp_path / "tiny", "llama")
    engine = Engine(load(find(str(tmp_path / "tiny"), cache=tmp_path), head=True))
    with torch.no_grad():
        engine.loaded.causal.lm_head.weight.mul_(8)
    return engine


def random_texts(chance):
    """Token ids [text, token]."""
    ids = chance.integers(11, 22, size=(len(LABELS), TOKENS))
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
    return effects.tested(emotion, reference, ALPHA, LAYER, own, draws, texts, permuted.test).statistic


def share(statistics):
    return float(np.mean([statistic.null.p_value < 0.05 for statistic in statistics]))


@pytest.mark.parametrize("reference", ["neutral", OTHERS])
def test_labels_without_a_meaning_rarely_have_an_effect(engine, reference):
    """200 worlds of random texts with random labels."""
    chance = np.random.default_rng(20261128)
    found = [result(engine, random_texts(chance), random_texts(chance), reference, world) for world in range(200)]
    assert share(found) <= 0.09, share(found)
