"""What changed models write: the plain way's tokens, each position changed once, and draws that follow the probabilities."""

import numpy as np
import pytest
import tiny
import torch

from emotion_cli.models.intervening import Edit, Engine, Passage, places_of
from emotion_cli.models.loading import load
from emotion_cli.models.residual import at_layers
from emotion_cli.models.rotary import as_it_was
from emotion_cli.models.sources.finding import find
from emotion_cli.models.writing import Sampled, _chosen, ending_tokens, write

BEGINNING = (0, 5, 6, 7, 13)
TOKENS = 9


def engine_of(folder, architecture, **options):
    tiny.save_model(folder / "tiny", architecture, **options)
    return Engine(load(find(str(folder / "tiny"), cache=folder), head=True))


@pytest.fixture(scope="module", params=sorted(tiny.CONFIGS))
def engine(request, tmp_path_factory):
    return engine_of(tmp_path_factory.mktemp("tiny"), request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return engine_of(tmp_path_factory.mktemp("tiny"), "llama")


def places(positions="all"):
    return places_of(Passage((*BEGINNING, *[0] * TOKENS), len(BEGINNING)), positions)


def edit_of(engine, n_rows=3, size=2.0):
    return Edit(1, size * np.random.default_rng(0).normal(size=(n_rows, engine.loaded.d_model)))


def plainly_written(engine, added, changed):
    """All that was written is read again for each token; the hook knows the length of what it is given, and nothing else."""
    delta = torch.tensor(added, dtype=torch.float32)

    def visit(layer, states):
        return states + torch.tensor(changed[: states.shape[1]])[None, :, None] * delta

    ids = list(BEGINNING)
    for _ in range(TOKENS):
        with torch.no_grad(), as_it_was(engine.loaded.causal), at_layers(engine.loaded, [1], visit):
            logits = engine.loaded.causal(input_ids=torch.tensor([ids]), use_cache=False).logits
        token = int(logits[0, -1].argmax())
        if token in ending_tokens(engine):
            break
        ids.append(token)
    return ids[len(BEGINNING) :]


def test_nothing_added_writes_what_generate_writes(engine):
    with torch.no_grad(), as_it_was(engine.loaded.causal):
        whole = engine.loaded.causal.generate(torch.tensor([BEGINNING]), max_new_tokens=TOKENS, do_sample=False)[0].tolist()
    expected = whole[len(BEGINNING) :]
    expected = expected[: next((place for place, token in enumerate(expected) if token == 1), TOKENS)]
    zeros = Edit(1, np.zeros((2, engine.loaded.d_model)))
    assert write(engine, BEGINNING, zeros, places(), TOKENS) == [expected, expected]


def test_changed_models_write_what_the_plain_way_writes(engine):
    for positions in ("all", "prompt", "last", "continuation"):
        edit, changed = edit_of(engine), places(positions)
        expected = [plainly_written(engine, added, changed) for added in edit.added]
        assert write(engine, BEGINNING, edit, changed, TOKENS) == expected


@pytest.mark.parametrize(("positions", "times"), [("continuation", TOKENS), ("all", len(BEGINNING) + TOKENS - 2), ("last", 1)])
def test_each_position_is_changed_once_and_position_zero_never(llama, monkeypatch, positions, times):
    monkeypatch.setattr("emotion_cli.models.writing.ending_tokens", lambda engine: set())
    counted, change = [], Edit.change

    def counting(self, loaded):
        def applied(states, may_change):
            changed = change(self, loaded)(states, may_change)
            counted.append((changed != states).any(-1).sum(1))
            return changed

        return applied

    monkeypatch.setattr(Edit, "change", counting)
    assert llama.caches
    counted.clear()
    write(llama, BEGINNING, edit_of(llama), places(positions), TOKENS)
    # the last token that is written is never read
    assert len(counted) == TOKENS and torch.stack(counted).sum(0).tolist() == [times] * 3


def test_texts_do_not_depend_on_how_many_are_written_at_once(llama, monkeypatch):
    edit = edit_of(llama, 5)
    sampled = Sampled(1.3, np.random.default_rng(1).random((5, TOKENS)))
    whole = write(llama, BEGINNING, edit, places(), TOKENS, sampled)
    monkeypatch.setattr("emotion_cli.models.writing.ROWS_AT_ONCE", 2)
    assert write(llama, BEGINNING, edit, places(), TOKENS, sampled) == whole
    assert len({tuple(row) for row in whole}) > 1


def test_drawn_tokens_have_the_probabilities_of_the_temperature():
    logits, n = torch.tensor([0.3, -1.0, 2.0, 0.0]), 20_000
    chances = (np.arange(n) + 0.5) / n
    drawn = _chosen(logits.expand(n, -1), (0.7, chances)).numpy()
    expected = np.exp(logits.numpy() / 0.7) / np.exp(logits.numpy() / 0.7).sum()
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / n, expected, atol=1e-4)
    assert _chosen(logits[None], (0.7, np.array([np.nextafter(1.0, 0.0)]))).tolist() == [3]
