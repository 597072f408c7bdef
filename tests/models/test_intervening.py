"""Changes of the residual stream: faster ways give the numbers of the plain one, and gradients those of central differences."""

import numpy as np
import pytest
import tiny
import torch

from emotion_cli.models.float64 import Float64
from emotion_cli.models.gradients import gradients
from emotion_cli.models.intervening import POSITIONS, Edit, Engine, Passage, places_of
from emotion_cli.models.loading import load
from emotion_cli.models.residual import at_layers
from emotion_cli.models.rotary import as_it_was
from emotion_cli.models.sources.finding import find

ARCHITECTURES = sorted(tiny.CONFIGS)
ROWS = [(0, 5, 6, 7, 13), (0, 9, 10, 11, 12, 13, 14, 15), (0, 18, 19), (0, 5, 6, 7, 8, 12, 17)]
PASSAGES = [Passage(row) for row in ROWS]
ALL = [places_of(passage, "all") for passage in PASSAGES]
PREFIXED = [Passage((0, 5, 6, 7, 8, *row[1:]), 5) for row in ROWS]


def engine_of(folder, architecture, **options):
    tiny.save_model(folder / "tiny", architecture, **options)
    return Engine(load(find(str(folder / "tiny"), cache=folder), head=True))


@pytest.fixture(scope="module", params=ARCHITECTURES)
def engine(request, tmp_path_factory):
    return engine_of(tmp_path_factory.mktemp("tiny"), request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return engine_of(tmp_path_factory.mktemp("tiny"), "llama")


def edit_of(engine, layer, n_rows=3, size=1.0, seed=0):
    return Edit(layer, size * np.random.default_rng(seed).normal(size=(n_rows, engine.loaded.d_model)))


def plain_scores(engine, passage, edit, places):
    """One row and one passage at a time, with a hook of torch's own."""
    loaded = engine.loaded
    blocks, values = loaded.blocks, []
    for added in edit.added:
        delta = torch.tensor(np.where(places[:, None], added[None], 0.0), dtype=torch.float32)

        def leaving(module, args, output, delta=delta):
            if isinstance(output, torch.Tensor):
                return output + delta
            return type(output)([output[0] + delta, *output[1:]])

        def entering(module, args, kwargs, delta=delta):
            if args:
                return (args[0] + delta, *args[1:]), kwargs
            return args, {**kwargs, "hidden_states": kwargs["hidden_states"] + delta}

        handle = (
            blocks[edit.layer - 1].register_forward_hook(leaving)
            if edit.layer
            else blocks[0].register_forward_pre_hook(entering, with_kwargs=True)
        )
        with torch.no_grad(), as_it_was(loaded.causal):
            logits = loaded.causal(input_ids=torch.tensor([passage.ids]), use_cache=False).logits[0].double()
        handle.remove()
        log_probs = torch.log_softmax(logits, -1)[torch.arange(len(passage.ids) - 1), list(passage.ids[1:])]
        values.append(float(log_probs[passage.first - 1 :].mean()))
    return np.array(values)


def test_scores_are_those_of_one_row_and_one_text_at_a_time(engine):
    for layer in (0, 1, engine.loaded.n_layers):
        edit = edit_of(engine, layer)
        for passages, positions in ((PASSAGES, "all"), (PREFIXED, "continuation"), (PREFIXED, "prompt"), (PREFIXED, "last")):
            places = [places_of(passage, positions) for passage in passages]
            expected = np.stack(
                [plain_scores(engine, *pair, changed) for *pair, changed in zip(passages, [edit] * 4, places, strict=True)], 1
            )
            np.testing.assert_allclose(engine.scores(passages, edit, places).log_prob, expected, atol=2e-5)


def test_llama_forks_and_caches(llama):
    assert llama.forks and llama.caches


@pytest.mark.parametrize("fork", [True, False])
@pytest.mark.parametrize("way", ["_scored", "_continued"])
def test_every_way_gives_the_same_numbers(llama, way, fork):
    edit, places = edit_of(llama, 2), [places_of(passage, "continuation") for passage in PREFIXED]
    expected = llama._scored(PREFIXED, edit, places, fork=False)
    found = getattr(llama, way)(PREFIXED, edit, places, fork=fork)
    np.testing.assert_allclose(found.log_prob, expected.log_prob, atol=1e-5)
    np.testing.assert_allclose(found.kl, expected.kl, atol=1e-5)


def test_a_change_of_nothing_is_the_same_bits_and_no_divergence(engine):
    edit = Edit(1, np.concatenate([np.zeros((1, engine.loaded.d_model)), edit_of(engine, 1).added]))
    with at_layers(engine.loaded, [1], lambda layer, state: None):
        scores = engine.scores(PASSAGES, edit, ALL)
    assert np.array_equal(scores.kl[0], np.zeros(4)) and (scores.kl[1:] > 0).all()
    twice = engine.scores(PASSAGES, Edit(1, np.zeros((2, engine.loaded.d_model))), ALL)
    assert np.array_equal(twice.log_prob[0], twice.log_prob[1])


def test_rows_do_not_depend_on_their_order_or_number(llama):
    edit = edit_of(llama, 1, n_rows=32)
    scores = llama.scores(PASSAGES, edit, ALL)
    turned = llama.scores(PASSAGES[::-1], edit.rows(range(32)[::-1]), ALL[::-1])
    np.testing.assert_allclose(turned.log_prob[::-1, ::-1], scores.log_prob, atol=1e-5)
    alone = np.stack([llama.scores(PASSAGES, edit.rows([row]), ALL).log_prob[0] for row in range(32)])
    np.testing.assert_allclose(alone, scores.log_prob, atol=1e-5)


def test_kl_is_the_mean_divergence_from_the_unchanged_model(llama):
    edit = edit_of(llama, 1, n_rows=1)
    with torch.no_grad():
        base = torch.log_softmax(llama.loaded.causal(input_ids=torch.tensor([ROWS[1]])).logits[0, :-1].double(), -1)
        delta = torch.tensor(edit.added[0], dtype=torch.float32)

        def visit(layer, state):
            state = state.clone()
            state[:, 1:] += delta
            return state

        with at_layers(llama.loaded, [1], visit):
            changed = torch.log_softmax(llama.loaded.causal(input_ids=torch.tensor([ROWS[1]])).logits[0, :-1].double(), -1)
    expected = float((base.exp() * (base - changed)).sum(-1).mean())
    assert llama.scores(PASSAGES[1:2], edit, ALL[1:2]).kl[0, 0] == pytest.approx(expected, abs=1e-5)


def test_position_zero_is_never_changed():
    for passage in (*PASSAGES, *PREFIXED, Passage((0, 5), 1)):
        for positions in POSITIONS:
            assert not places_of(passage, positions)[0]
    assert places_of(PREFIXED[2], "continuation").tolist() == [False] * 4 + [True] * 3
    assert places_of(PREFIXED[2], "prompt").tolist() == [False] + [True] * 4 + [False] * 2
    assert places_of(PREFIXED[2], "last").tolist() == [False] * 4 + [True] + [False] * 2


def test_hooks_are_gone_after_an_exception_and_runs_do_not_add_up(llama):
    def fail(layer, state):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"), at_layers(llama.loaded, [0, 2], fail):
        llama.loaded.causal(input_ids=torch.tensor([ROWS[0]]))
    hooks = [hook for module in llama.loaded.causal.modules() for hook in (module._forward_hooks, module._forward_pre_hooks)]
    assert not any(hooks)
    edit = edit_of(llama, 1)
    first = llama.scores(PASSAGES, edit, ALL)
    assert np.array_equal(llama.scores(PASSAGES, edit, ALL).log_prob, first.log_prob)


def test_the_side_on_which_a_tokenizer_pads_changes_nothing(tmp_path):
    left, right = (engine_of(tmp_path / side, "gpt2", padding_side=side) for side in ("left", "right"))
    for engine in (left, right):
        assert engine.loaded.tokenizer.padding_side == ("left" if engine is left else "right")
    edit = edit_of(left, 1)
    assert np.array_equal(left.scores(PASSAGES, edit, ALL).log_prob, right.scores(PASSAGES, edit, ALL).log_prob)


def test_gradients_are_those_of_central_differences(engine):
    """In float64, where a small step is large beside rounding."""
    loaded, step, chance = engine.loaded, 1e-6, np.random.default_rng(1)
    for passages, positions in ((PASSAGES, "all"), (PREFIXED, "continuation")):
        places = [places_of(passage, positions) for passage in passages]
        found = gradients(engine, passages, places)
        assert found.summed.shape == (loaded.n_layers + 1, 4, loaded.d_model)
        unchanged = engine.scores(passages, Edit(0, np.zeros((1, loaded.d_model))), places).log_prob[0]
        np.testing.assert_allclose(found.log_prob, unchanged, atol=2e-5)
        for layer in range(loaded.n_layers + 1):
            direction = chance.normal(size=loaded.d_model)
            edit = Edit(layer, step * np.stack([direction, -direction]))
            with Float64():
                ends = np.stack([plain_scores(engine, *pair) for pair in zip(passages, [edit] * 4, places, strict=True)])
            slope = (ends[:, 0] - ends[:, 1]) / (2 * step)
            expected = found.summed[layer] @ direction
            np.testing.assert_allclose(expected, slope, rtol=1e-2, atol=1e-3 * np.abs(expected).max())
