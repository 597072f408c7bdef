"""Carried states in worlds whose truth is known: random texts with random labels, and a model that copies one axis.

Seeds were fixed before the first run.
"""

import numpy as np
import pytest
import tiny
import torch

from emotion_cli.measures.causal.nulls import Permuted, gaussian
from emotion_cli.measures.causal.patching import Topics, beside_directions, beside_signs, share
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import GAUSSIAN
from emotion_cli.measures.inference.statistic import Test as NullTest
from emotion_cli.measures.labels import Labels
from emotion_cli.models.intervening import Engine
from emotion_cli.models.loading import load
from emotion_cli.models.patching import HEAD, MLP, RESIDUAL, Patch, Patcher, along
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find

NAMES = ("anger", "joy", "neutral")
TOPICS = 12
WORDS = [[5, 6], [7, 8]]
SUFFIX = (9, 10)


def patcher_at(folder, sites, change=lambda model: None):
    tiny.save_model(folder / "tiny", "llama")
    engine = Engine(load(find(str(folder / "tiny"), cache=folder), head=True))
    with torch.no_grad():
        change(engine.loaded.causal)
    return Patcher(engine, WORDS, sites, range(engine.loaded.n_layers + 1))


CELLS = [(layer, places) for layer in (1, 2) for places in ((-1,), (-2, -1))]


def carried(patcher, into, donors):
    """Change of the first label's log-odds behind a text [donor, cell]."""
    readings = [patcher.read(ids) for ids in donors]
    patches = [
        Patch(RESIDUAL, layer, tuple(len(into) + place for place in places), reading.states[RESIDUAL, layer][list(places)])
        for reading in readings
        for layer, places in CELLS
    ]
    return patcher.changes(into, patches)[:, 0].reshape(len(donors), len(CELLS))


def smallest_p(own, other, topics):
    """The smallest p of all cells, given effects [topic, cell] of the emotion's texts and of other topics' neutral texts.

    `both` is what a verdict rests on (queries/patching_cells_by_layer.sql): the larger of the two p of a cell.
    """
    effect, beyond = (
        np.array([statistic.null.p_value for statistic in beside_signs(values.T, topics)]) for values in (own, own - other)
    )
    return {"effect": effect.min(), "beyond": beyond.min(), "both": np.maximum(effect, beyond).min()}


def along_directions(patcher, into, donors, directions, cells):
    """Mean guesses [direction, cell] for what components along directions do, over pairs of neutral and emotional texts."""
    guessed = np.zeros((len(directions), len(cells)))
    for neutral, emotional in zip(into, donors, strict=True):
        gradients, before, after = patcher.gradients(neutral), patcher.read(neutral), patcher.read(emotional)
        for cell, (layer, places) in enumerate(cells):
            slope = gradients[RESIDUAL, layer][0, list(places)].double().numpy()
            change = (after.states[RESIDUAL, layer] - before.states[RESIDUAL, layer])[list(places)].double().numpy()
            guessed[:, cell] += ((directions @ slope.T) * (directions @ change.T)).sum(1)
    return guessed / len(into)


def shares_below(found):
    """Share of worlds with p < 0.05, by name."""
    return {name: float(np.mean(np.array(of) < 0.05)) for name, of in found.items()}


@pytest.mark.slow
def test_labels_without_a_meaning_are_rarely_found(tmp_path):
    """200 worlds of a random model that reads random texts with random labels; p covers four cells, of directions two.

    p < 0.05: of the effect 6.5 %, beyond a neutral donor 6 %, of both, on which verdicts rest, 5.5 %; of directions against
    permuted labels 7.5 %. Against Gaussian directions, on which none rests, it is 11 %.
    """
    patcher, chance = patcher_at(tmp_path, (RESIDUAL,)), np.random.default_rng(20261127)
    labels = Labels(list(NAMES) * TOPICS, [f"topic {i}" for i in range(TOPICS) for _ in NAMES], NAMES[:2], "neutral")
    at_one_layer = [(1, places) for places in ((-1,), (-2, -1))]
    found = {name: [] for name in ("effect", "beyond", "both", "permuted", "gaussian")}
    for world in range(200):
        train, test = (chance.integers(2, 21, size=(TOPICS * 3, 7)) for _ in range(2))
        train[:, 0] = test[:, 0] = 0
        texts = [(*row, *SUFFIX) for row in test.tolist()]
        angry, neutral = texts[::3], texts[2::3]
        sampling = Sampling(world, 199, ("world",))
        topics = Topics([f"topic {i}" for i in range(TOPICS)], None, sampling)
        effects = np.array(
            [
                carried(patcher, into, (donor, other))
                for into, donor, other in zip(neutral, angry, [*neutral[1:], neutral[0]], strict=True)
            ]
        )
        for name, p in smallest_p(effects[:, 0], effects[:, 1], topics).items():
            found[name].append(p)
        rows = pooled_activations(patcher.loaded, train.tolist(), poolings=["mean"], layers=[1], batch_tokens=1024)
        permuted = Permuted(labels, "anger", sampling)
        drawn = np.vstack([permuted.directions(rows.values["mean"][0]), gaussian(32, 199, world)])
        guessed = along_directions(patcher, neutral, angry, drawn, at_one_layer)
        for name, draws, test_of in (
            ("permuted", guessed[1:200], permuted.test),
            ("gaussian", guessed[200:], NullTest(GAUSSIAN)),
        ):
            statistics = beside_directions(np.tile(guessed[0][:, None], TOPICS), draws, topics, test_of)
            found[name].append(min(statistic.null.p_value for statistic in statistics))
    shares = shares_below(found)
    print(shares)
    too_easy = shares.pop("gaussian")
    assert max(shares.values()) <= 0.09 < too_easy, shares


def copying(model):
    """Head 0 of the first block adds to each token the mean of dimensions 0 to 7 of all before it; the rest writes nearly nothing."""
    for block in model.model.layers:
        block.self_attn.o_proj.weight *= 0.05
        block.mlp.down_proj.weight *= 0.05
    attention = model.model.layers[0].self_attn
    attention.v_proj.weight[:8] = torch.eye(8, 32)
    attention.o_proj.weight[:8, :8] = torch.eye(8)
    embeddings, head = model.model.embed_tokens.weight, model.lm_head.weight
    embeddings[:, :8] = 0
    head[:, :] = 0
    # tokens 11 and 12 tell the two emotions; words of the labels are read from the same two dimensions
    for label, (telling, words) in enumerate(zip((11, 12), WORDS, strict=True)):
        embeddings[telling, label] = 3.0
        head[words, label] = 4.0


def test_a_copied_axis_is_found_where_it_is_and_nowhere_else(tmp_path):
    patcher = patcher_at(tmp_path, (RESIDUAL, HEAD, MLP), copying)
    chance = np.random.default_rng(7)
    topics = Topics([f"topic {i}" for i in range(16)], None, Sampling(0, 400, ("world",)))
    places = {(-1,): [], (-2,): []}
    cells = [
        *((RESIDUAL, layer, place, None) for layer in range(4) for place in places),
        *((HEAD, 1, (-1,), head) for head in range(4)),
        *((MLP, layer, (-1,), None) for layer in (1, 2, 3)),
    ]
    effects, totals = np.empty((len(cells), 16)), np.empty(16)
    axes = np.eye(32)[[0, 20]]
    for topic in range(16):
        common = chance.integers(13, 20, size=5).tolist()
        into = (0, *common, 13, *SUFFIX)
        reading, donor = patcher.read(into), patcher.read((0, *common, 11, *SUFFIX))
        patches = [
            Patch(
                site, layer, tuple(len(into) + i for i in place), patcher.part(donor.states[site, layer], head)[list(place)], head
            )
            for site, layer, place, head in cells
        ]
        before, after = (text.states[RESIDUAL, 2][-1:] for text in (reading, donor))
        patches += [Patch(RESIDUAL, 2, (len(into) - 1,), values) for values in along(before, after, axes)]
        changes = patcher.changes(into, patches)[:, 0]
        totals[topic] = donor.log_odds[0] - reading.log_odds[0]
        effects[:, topic] = changes[:-2]
        assert changes[-2] == pytest.approx(totals[topic], rel=0.02) and abs(changes[-1]) < 0.02 * totals[topic]
    found = {cell: share(of_cell, totals, topics).value for cell, of_cell in zip(cells, effects, strict=True)}
    expected = {
        cell: 1.0 if (cell[0] == RESIDUAL and cell[1] >= 1 and cell[2] == (-1,)) or cell[::3] == (HEAD, 0) else 0.0
        for cell in cells
    }
    assert found == pytest.approx(expected, abs=0.02)
    shown = {cell for cell, statistic in zip(cells, beside_signs(effects, topics), strict=True) if statistic.null.p_value < 0.05}
    assert shown >= {cell for cell, value in expected.items() if value}


def telling(model):
    """As `copying`, but tokens 13 to 20, of which topics are made, have random places in the copied dimensions, too."""
    copying(model)
    chance = torch.Generator().manual_seed(3)
    embeddings = model.model.embed_tokens.weight
    embeddings[11:13] /= 3
    embeddings[13:21, :2] = 0.5 * torch.randn(8, 2, generator=chance)
    # so that the copied part of a state is not all that its length is made of
    embeddings[9:21, 8:] = torch.randn(12, 24, generator=chance)


def found_in_worlds(patcher, emotional, n_worlds=50, n_topics=16, seed=11):
    """Share of worlds in which the emotion is found; `emotional` makes its text from a topic's tokens and further random ones."""
    chance, found = np.random.default_rng(seed), {name: [] for name in ("effect", "beyond", "both")}
    for world in range(n_worlds):
        # each text is told in words of its own
        tokens = chance.integers(13, 21, size=(n_topics, 3, 3)).tolist()
        neutral = [(0, *topic, *own, 2, *SUFFIX) for topic, own, _ in tokens]
        effects = np.array(
            [
                carried(patcher, into, ((0, *emotional(topic, further, chance), *SUFFIX), other))
                for into, other, (topic, _, further) in zip(neutral, [*neutral[1:], neutral[0]], tokens, strict=True)
            ]
        )
        topics = Topics([f"topic {i}" for i in range(n_topics)], None, Sampling(world, 199, ("world",)))
        for name, p in smallest_p(effects[:, 0], effects[:, 1], topics).items():
            found[name].append(p)
    return shares_below(found)


@pytest.mark.slow
def test_what_texts_tell_is_found_and_another_topic_is_not(tmp_path):
    """50 worlds each. A token tells the emotion: both p are below 0.05 in 68 % with 16 topics, in 98 % with 40.

    The confound: a donor that tells nothing and is of another topic, in 4 %.
    """
    patcher = patcher_at(tmp_path, (RESIDUAL,), telling)

    def told(topic, further, chance):
        return (*topic, *further, 11)

    def of_another_topic(topic, further, chance):
        return (*chance.integers(13, 21, size=3).tolist(), *further, 2)

    found = (
        found_in_worlds(patcher, told),
        found_in_worlds(patcher, told, n_topics=40),
        found_in_worlds(patcher, of_another_topic),
    )
    print(found)
    assert found[0]["both"] >= 0.6 and found[1]["both"] >= 0.9
    assert found[2]["both"] <= 0.09
