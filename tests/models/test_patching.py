"""Carried states: what plain hooks give, identities that hold for every model, and guesses to first order."""

import numpy as np
import pytest
import tiny
import torch

from emotion_cli.models.intervening import Engine
from emotion_cli.models.loading import load
from emotion_cli.models.patching import HEAD, MLP, RESIDUAL, WAYS, Patch, Patcher, along, along_mean
from emotion_cli.models.sources.finding import find

PLACES = {
    "llama": ("model.layers.{}.self_attn.o_proj", "model.layers.{}.mlp"),
    "gpt2": ("transformer.h.{}.attn.c_proj", "transformer.h.{}.mlp"),
    "gpt_neo": ("transformer.h.{}.attn.attention.out_proj", "transformer.h.{}.mlp"),
    # what its blocks add is behind a norm
    "gemma3_text": ("model.layers.{}.self_attn.o_proj", "model.layers.{}.post_feedforward_layernorm"),
}
"""Where the heads' projection and what an MLP writes are, written down apart from the code under test."""

WORDS = [[5, 9], [11], [12, 14, 6]]
INTO, DONOR = (0, 5, 7, 13, 14, 15, 9, 10), (0, 11, 12, 6, 17, 16, 9, 10)
LONGER = (0, 11, 12, 6, 17, 16, 5, 18, 9, 10)


def patcher_of(folder, architecture):
    tiny.save_model(folder / "tiny", architecture)
    engine = Engine(load(find(str(folder / "tiny"), cache=folder), head=True))
    return Patcher(engine, WORDS, (RESIDUAL, HEAD, MLP), range(engine.loaded.n_layers + 1))


@pytest.fixture(scope="module", params=sorted(PLACES))
def patcher(request, tmp_path_factory):
    made = patcher_of(tmp_path_factory.mktemp("tiny"), request.param)
    made.architecture = request.param
    return made


def all_patches(patcher, into, donor):
    """Every site and layer, at the last token, at the last two, and at places before them."""
    for site, layer in sorted(donor.states):
        for places in ((-1,), (-2, -1), (-4, -3)):
            for head in range(4) if site == HEAD else (None,):
                positions = tuple(len(into.ids) + place for place in places)
                of_donor = [len(donor.ids) + place for place in places]
                values = patcher.part(donor.states[site, layer], head)[of_donor]
                yield Patch(site, layer, positions, values, head)


def plain_log_odds(patcher, ids, patch=None):
    """Of one pass with a hook of torch's own."""
    causal, blocks = patcher.loaded.causal, patcher.loaded.blocks
    projection, mlp = PLACES[patcher.architecture]

    def put(states):
        changed = states.clone()
        width = 8 if patch.head is not None else states.shape[-1]
        start = 8 * (patch.head or 0)
        for place, value in zip(patch.positions, patch.values, strict=True):
            changed[0, place, start : start + width] = value
        return changed

    def given(module, args, output):
        return put(output) if isinstance(output, torch.Tensor) else (put(output[0]), *output[1:])

    def taken(module, args, kwargs):
        return ((put(args[0]), *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": put(kwargs["hidden_states"])})

    handles = []
    if patch is not None:
        module = {
            RESIDUAL: lambda: blocks[patch.layer - 1],
            MLP: lambda: causal.get_submodule(mlp.format(patch.layer - 1)),
            HEAD: lambda: causal.get_submodule(projection.format(patch.layer - 1)),
        }[patch.site]
        if patch.site == RESIDUAL and patch.layer == 0:
            handles.append(blocks[0].register_forward_pre_hook(taken, with_kwargs=True))
        elif patch.site == HEAD:
            handles.append(module().register_forward_pre_hook(taken, with_kwargs=True))
        else:
            handles.append(module().register_forward_hook(given))
    with torch.no_grad():
        logits = causal(input_ids=torch.tensor([ids])).logits[0, -1]
    for handle in handles:
        handle.remove()
    probabilities = torch.softmax(logits.double(), -1)
    of_label = [float(probabilities[tokens].sum().log()) for tokens in WORDS]
    return np.array([value - np.mean([*of_label[:i], *of_label[i + 1 :]]) for i, value in enumerate(of_label)])


def test_patches_do_what_plain_hooks_do(patcher):
    into, donor = patcher.read(INTO), patcher.read(LONGER)
    before = plain_log_odds(patcher, INTO)
    assert into.log_odds == pytest.approx(before, abs=1e-5)
    patches = list(all_patches(patcher, into, donor))
    expected = np.array([plain_log_odds(patcher, INTO, patch) - before for patch in patches])
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(patcher.changes(INTO, patches), expected, atol=2e-5)
    np.testing.assert_allclose(patcher.plain_changes(INTO, patches), expected, atol=2e-5)


def test_a_text_s_own_states_change_nothing(patcher):
    into = patcher.read(INTO)
    patches = list(all_patches(patcher, into, into))
    # rows of one batch are not always computed by the same instructions, so the last bits may differ
    assert np.abs(patcher.plain_changes(INTO, patches)).max() < 1e-5
    assert all(not patcher.attribution(patch, into, patcher.gradients(INTO)).any() for patch in patches[:3])


def test_all_states_of_a_donor_give_what_the_donor_gives(patcher):
    into, donor = patcher.read(INTO), patcher.read(DONOR)
    places = tuple(range(1, len(INTO)))
    patches = [Patch(RESIDUAL, layer, places, donor.states[RESIDUAL, layer][1:]) for layer in range(patcher.loaded.n_layers + 1)]
    whole = donor.log_odds - into.log_odds
    assert np.abs(whole).max() > 0.01
    np.testing.assert_allclose(patcher.changes(INTO, patches), np.tile(whole, (len(patches), 1)), atol=2e-5)


def test_other_labels_mirror_each_label(patcher):
    """The mean of the K - 1 other labels' changes is -1 / (K - 1) of its own: no evidence, and no control."""
    into, donor = patcher.read(INTO), patcher.read(DONOR)
    changes = patcher.changes(INTO, list(all_patches(patcher, into, donor)))
    for label in range(3):
        others = [other for other in range(3) if other != label]
        np.testing.assert_allclose(changes[:, others].mean(1), -changes[:, label] / 2, atol=1e-9)


def test_guesses_are_the_slopes_of_effects(patcher):
    into, donor, gradients = patcher.read(INTO), patcher.read(DONOR), patcher.gradients(INTO)
    patches = list(all_patches(patcher, into, donor))
    guessed = np.array([patcher.attribution(patch, into, gradients) for patch in patches])

    def scaled(size):
        moved = []
        for patch in patches:
            own = patcher.part(into.states[patch.site, patch.layer], patch.head)[list(patch.positions)]
            moved.append(patch._replace(values=own + size * (patch.values - own)))
        return patcher.plain_changes(INTO, moved)

    slopes = (scaled(0.05) - scaled(-0.05)) / 0.1
    assert np.abs(guessed).max() > 0.01
    np.testing.assert_allclose(guessed, slopes, atol=2e-3 * max(1.0, np.abs(guessed).max()))


def test_one_row_gives_what_many_give_in_any_order(patcher):
    into, donor = patcher.read(INTO), patcher.read(LONGER)
    patches = list(all_patches(patcher, into, donor))
    together = patcher.changes(INTO, patches)
    np.testing.assert_allclose(patcher.changes(INTO, patches[::-1])[::-1], together, atol=2e-5)
    alone = np.array([patcher.changes(INTO, [patch])[0] for patch in patches[::7]])
    np.testing.assert_allclose(alone, together[::7], atol=2e-5)


def test_usual_models_are_run_in_the_fastest_way(tmp_path):
    for architecture in ("llama", "gpt2"):
        patcher = patcher_of(tmp_path / architecture, architecture)
        into, donor = patcher.read(INTO), patcher.read(LONGER)
        patcher.changes(INTO, list(all_patches(patcher, into, donor)))
        assert patcher._way == WAYS[0], architecture


def hooks(model):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_hooks_are_gone_after_an_exception(patcher):
    into = patcher.read(INTO)
    kept = hooks(patcher.loaded.causal)
    for site in (RESIDUAL, HEAD, MLP):
        # of no width that the site has
        wrong = Patch(site, 1, (7,), torch.zeros(1, 3), 0 if site == HEAD else None)
        with pytest.raises(RuntimeError):
            patcher.plain_changes(INTO, [wrong])
    assert hooks(patcher.loaded.causal) == kept
    np.testing.assert_array_equal(patcher.read(INTO).log_odds, into.log_odds)


def test_components_along_a_direction_are_the_donor_s():
    chance = np.random.default_rng(0)
    into, donor = (torch.tensor(chance.normal(size=(n, 8)), dtype=torch.float32) for n in (4, 6))
    directions = chance.normal(size=(3, 8))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for number, moved in enumerate(along(into, donor[:4], directions)):
        unit = torch.tensor(directions[number], dtype=torch.float32)
        torch.testing.assert_close(moved @ unit, donor[:4] @ unit)
        torch.testing.assert_close(moved - (moved @ unit)[:, None] * unit, into - (into @ unit)[:, None] * unit)
    for number, moved in enumerate(along_mean(into, donor, directions)):
        unit = torch.tensor(directions[number], dtype=torch.float32)
        torch.testing.assert_close((moved @ unit).mean(), (donor @ unit).mean())
        assert float(((moved - into) - (moved - into)[0]).abs().max()) < 1e-6
