"""Carried states in worlds whose truth is known: random texts with random labels, and a model that copies one axis.

Seeds were fixed before the first run.
"""

import numpy as np
import pytest
import tiny
import torch

from emotion_cli.measures.causal.nulls import Permuted
from emotion_cli.measures.causal.patching import Topics, beside_directions, beside_signs, share
from emotion_cli.measures.inference.sampling import Sampling
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


@pytest.mark.slow
def test_labels_without_a_meaning_are_rarely_found(tmp_path):
    """200 worlds of a random model that reads random texts with random labels; the largest of four places each."""
    patcher, chance = patcher_at(tmp_path, (RESIDUAL,)), np.random.default_rng(20261127)
    cells = [(layer, places) for layer in (1, 2) for places in ((-1,), (-2, -1))]
    rejected = {"signs": [], "directions": []}
    for world in range(200):
        train, test = (chance.integers(2, 21, size=(TOPICS * 3, 7)) for _ in range(2))
        train[:, 0] = test[:, 0] = 0
        texts = [(*row, *SUFFIX) for row in test.tolist()]
        sampling = Sampling(world, 199, ("world",))
        topics = Topics([f"topic {i}" for i in range(TOPICS)], None, sampling)
        rows = pooled_activations(patcher.loaded, train.tolist(), poolings=["mean"], layers=[1], batch_tokens=1024)
        labels = Labels(list(NAMES) * TOPICS, [f"topic {i}" for i in range(TOPICS) for _ in NAMES], NAMES[:2], "neutral")
        permuted = Permuted(labels, "anger", sampling)
        directions = permuted.directions(rows.values["mean"][0])
        seen, carried = np.empty((len(cells), TOPICS)), np.empty((1 + 199, TOPICS))
        for topic in range(TOPICS):
            into, anger = texts[3 * topic + 2], patcher.read(texts[3 * topic])
            other = patcher.read(texts[(3 * topic + 5) % len(texts)])
            patches = [
                Patch(RESIDUAL, layer, tuple(len(into) + place for place in places), donor.states[RESIDUAL, layer][list(places)])
                for donor in (anger, other)
                for layer, places in cells
            ]
            effects = patcher.changes(into, patches)[:, 0]
            seen[:, topic] = effects[: len(cells)] - effects[len(cells) :]
            gradients, reading = patcher.gradients(into)[RESIDUAL, 1][0, -2:], patcher.read(into).states[RESIDUAL, 1][-2:]
            change = (anger.states[RESIDUAL, 1][-2:] - reading).double().numpy()
            carried[:, topic] = ((directions @ gradients.double().numpy().T) * (directions @ change.T)).sum(1)
        rejected["signs"].append(min(statistic.null.p_value for statistic in beside_signs(seen, topics)) < 0.05)
        (statistic,) = beside_directions(carried[:1], carried[1:].mean(1)[:, None], topics, permuted.test)
        rejected["directions"].append(statistic.null.p_value < 0.05)
    shares = {name: float(np.mean(of)) for name, of in rejected.items()}
    print(shares)
    assert max(shares.values()) <= 0.09, shares


def copying(model):
    """Head 0 of the first block adds to each token the mean of dimensions 0 to 7 of all before it; the rest writes nearly nothing."""
    attention = model.model.layers[0].self_attn
    attention.v_proj.weight[:8, :8] = torch.eye(8)
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
    axis, other_axis = (torch.eye(32)[dimension] for dimension in (0, 20))
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
        patches += [Patch(RESIDUAL, 2, (len(into) - 1,), along(before, after, direction)) for direction in (axis, other_axis)]
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
