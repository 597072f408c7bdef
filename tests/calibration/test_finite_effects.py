"""Effects of added directions in worlds whose truth is known: labels that mean nothing, planted effects, and what looks like one.

A small model reads texts while directions are added to it, as in `emo steer`. Its words come from sets: each label has one, and
a further set comes and goes whatever the label is. Embeddings of a set share an axis, and so do rows of the head; what is
planted is whether both are the same. Seeds were fixed before the first run.
"""

from typing import NamedTuple

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
TOPICS, CONTROLS, TOKENS = 12, 99, 9
LABELS = list(NAMES) * TOPICS
TOPIC_OF = [f"topic {i}" for i in range(TOPICS) for _ in NAMES]
LAYER, ALPHA = 1, 0.2
COMMON, CONFOUND = np.arange(2, 32), np.arange(56, 64)
WORDS = {name: np.arange(start, start + 8) for name, start in zip(NAMES, (32, 40, 48), strict=True)}
SHARE = 0.4
"""Of a text's tokens, those of its label's set."""

pytestmark = pytest.mark.slow


class World(NamedTuple):
    """What holds: labels say which words a text has; the axis of a label is read; a set of words of no label has a large one."""

    has_labels: bool = True
    is_read: bool = True
    is_confounded: bool = False


class Model:
    """A model whose predictions are far from uniform, so that a change of its states changes them; it is planted anew."""

    def __init__(self, folder):
        tiny.save_model(folder / "tiny", "llama")
        self.engine = Engine(load(find(str(folder / "tiny"), cache=folder), head=True))
        causal = self.engine.loaded.causal
        self.weights = [causal.model.embed_tokens.weight, causal.lm_head.weight]
        self.original = [self.weights[0].detach().clone(), 8 * self.weights[1].detach()]

    def plant(self, world, chance):
        axes = torch.tensor(np.linalg.qr(chance.normal(size=(32, 8)))[0].T, dtype=torch.float32)
        with torch.no_grad():
            for is_head, (weight, original) in enumerate(zip(self.weights, self.original, strict=True)):
                weight.copy_(original)
                size = original.norm(dim=1).mean()
                for place, name in enumerate(NAMES[:2]):
                    # the head reads another axis than the one that parts the labels
                    weight[WORDS[name]] += size * axes[place + (2 if is_head and not world.is_read else 0)]
                if world.is_confounded:
                    weight[CONFOUND] += 3 * size * axes[4]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model(tmp_path_factory.mktemp("model"))


def texts_of(world, chance, confounding):
    """Token ids [text, token]; `confounding` is the share of words of no label, by label."""
    rows = []
    for _ in range(TOPICS):
        sets = NAMES if world.has_labels else [NAMES[place] for place in chance.permutation(3)]
        for label, words in zip(NAMES, sets, strict=True):
            row = chance.choice(COMMON, TOKENS)
            for share, tokens in ((SHARE, WORDS[words]), (confounding[label], CONFOUND)):
                row = np.where(chance.random(TOKENS) < share, chance.choice(tokens, TOKENS), row)
            row[0] = 0
            rows.append(row)
    return np.array(rows)


def result(model, world, reference, seed, chance, emotion="anger"):
    """The statistic of one emotion's direction, made of training texts and added while test texts are read."""
    model.plant(world, chance)
    nothing = dict.fromkeys(NAMES, 0.0)
    train = texts_of(world, chance, dict.fromkeys(NAMES, 0.2) if world.is_confounded else nothing)
    # in the test texts of the emotion these words are frequent, so that their axis moves the contrast
    test = texts_of(world, chance, dict.fromkeys(NAMES, 0.05) | {emotion: 0.35} if world.is_confounded else nothing)
    pooled = pooled_activations(model.engine.loaded, train.tolist(), poolings=["mean"], layers=[LAYER], batch_tokens=2048)
    rows = pooled.values["mean"][0]
    sampling = Sampling(seed, CONTROLS, ("world",))
    texts = TestTexts(LABELS, TOPIC_OF, None, NAMES[:2], "neutral", sampling)
    permuted = Permuted(Labels(LABELS, TOPIC_OF, NAMES[:2], reference), emotion, sampling)
    passages = [Passage(tuple(row)) for row in test.tolist()]
    places = [places_of(passage, "all") for passage in passages]
    length = float(np.linalg.norm(rows, axis=1).mean())
    scores = model.engine.scores(passages, Edit(LAYER, ALPHA * length * permuted.directions(rows)), places)
    own, *draws = (Effect(*pair) for pair in zip(scores.log_prob - scores.unchanged, scores.kl, strict=True))
    return effects.tested(emotion, reference, ALPHA, LAYER, own, draws, texts, permuted.test).statistic


def share(model, world, reference, worlds, seed):
    """Share of worlds with p < 0.05."""
    chance = np.random.default_rng(seed)
    statistics = [result(model, world, reference, number, chance) for number in range(worlds)]
    return float(np.mean([statistic.null.p_value < 0.05 for statistic in statistics]))


@pytest.mark.parametrize("reference", ["neutral", OTHERS])
def test_labels_without_a_meaning_rarely_have_an_effect(model, reference):
    rate = share(model, World(has_labels=False), reference, 200, 20261128)
    assert rate <= 0.09, rate


@pytest.mark.parametrize(("reference", "least"), [("neutral", 0.6), (OTHERS, 0.9)])
def test_a_planted_effect_is_found(model, reference, least):
    rate = share(model, World(), reference, 50, 20261129)
    assert rate >= least, rate


@pytest.mark.parametrize("reference", ["neutral", OTHERS])
def test_labels_that_are_apart_along_an_axis_that_nothing_reads_rarely_have_an_effect(model, reference):
    rate = share(model, World(is_read=False), reference, 60, 20261130)
    assert rate <= 0.09, rate


@pytest.mark.parametrize("has_labels", [False, True])
def test_a_large_variation_of_no_label_that_moves_the_texts_is_no_effect(model, has_labels):
    rate = share(model, World(has_labels=has_labels, is_read=False, is_confounded=True), "neutral", 60, 20261201)
    assert rate <= 0.12, rate
