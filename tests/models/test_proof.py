"""The float64 pass, the rule of exactness, and the proof: what is right passes, what is planted is caught."""

from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from oracle import Oracle

from emotion_cli.errors import EmoError
from emotion_cli.models import exactness, pooling
from emotion_cli.models.checks import check_model
from emotion_cli.models.exactness import FACTOR, FLOOR, POOLED, agreement, positions_of, recompute, reference, rows_of
from emotion_cli.models.loading import load
from emotion_cli.models.norms import token_norms
from emotion_cli.models.packing import masks, proof
from emotion_cli.models.packing.proof import choose_strategy, prove
from emotion_cli.models.packing.trees import STRATEGIES
from emotion_cli.models.pooling import batches_of, pooled_activations
from emotion_cli.models.reader import Reader, Reading
from emotion_cli.models.rotary import regimes
from emotion_cli.models.sources.finding import find
from emotion_cli.models.tokens import Marks, Tokens

IDS = [[0, 5, 6, 7, 8, 9, 10], [0, 5, 11, 12], [0, 5, 11, 12, 13, 14, 15, 16, 17, 18, 19, 5], [0], [0, 5, 6, 7], [3, 5, 6]]


def loaded_from(folder, architecture, **options):
    tiny.save_model(folder, architecture)
    return load(find(str(folder), cache=folder), **options)


@pytest.fixture
def llama(tmp_path):
    return loaded_from(tmp_path, "llama")


@pytest.fixture(scope="module", params=list(tiny.CONFIGS))
def architecture(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return loaded_from(folder, request.param), Oracle(folder, request.param)


def test_the_float64_pass_is_that_of_a_model_in_float64_and_changes_no_weight(architecture):
    """They differ where the architecture itself casts to float32 (norms, angles), by less than a rounding a layer."""
    loaded, oracle = architecture
    before = {name: (tensor, tensor.clone()) for name, tensor in loaded.model.state_dict(keep_vars=True).items()}
    buffers = {name: (buffer, buffer.clone()) for name, buffer in loaded.model.named_buffers()}
    layers = range(loaded.n_layers + 1)
    rows = rows_of(loaded, IDS, positions_of(IDS, ["last"]), layers, float64=True).values["last"]
    for prompt, row in enumerate(IDS):
        right = oracle.states(row)[0]
        error = np.linalg.norm(rows[:, prompt] - right[:, -1], axis=-1) / np.linalg.norm(right[:, -1], axis=-1)
        assert error.max() < 5e-7
        # no pass in float32 is as near
        assert rows[:, prompt].astype(np.float32).tolist() != rows[:, prompt].tolist()
    for held in (before, buffers):
        for tensor, values in held.values():
            assert tensor.dtype == values.dtype and torch.equal(tensor, values)
    assert all(now is before[name][0] for name, now in loaded.model.state_dict(keep_vars=True).items())
    assert all(now is buffers[name][0] for name, now in loaded.model.named_buffers())


def test_a_plain_pass_is_exact_on_every_architecture(architecture):
    loaded, _ = architecture
    layers = range(loaded.n_layers + 1)
    against = reference(loaded, IDS, positions_of(IDS, POOLED), layers)
    found = agreement(against.plain.values, against, "float32")
    assert against.truth is not None and found.exact
    # the floor is what counts on small models, so a fault of four times as much is seen
    assert found.error <= FLOOR["float32"] and found.bound == FACTOR * FLOOR["float32"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("strategy", ["tree", "sorted"])
def test_half_formats_are_proven_by_the_same_rule(tmp_path, dtype, strategy):
    loaded = loaded_from(tmp_path, "llama", dtype=dtype)
    found = prove(loaded, IDS, strategy=strategy, batch_tokens=64)
    assert found.exact and not found.no_float64 and FLOOR["float32"] < found.error


def test_errors_are_over_the_largest_state_that_enters_a_row(llama):
    layers = [3]
    against = reference(llama, IDS[:1], positions_of(IDS[:1], POOLED), layers)
    states = Oracle(llama.source.folder, "llama").states(IDS[0])[0][3]
    largest = np.linalg.norm(states[1:], axis=-1).max()
    assert against.truth.scales["mean"][0, 0] == pytest.approx(largest, rel=1e-5)
    off = np.zeros_like(against.plain.values["mean"])
    off[0, 0, 0] = 1e-3 * largest
    found = agreement({"mean": against.truth.values["mean"] + off}, against, "float32")
    assert found.error == pytest.approx(1e-3, rel=1e-5) and not found.exact


def test_a_model_that_knows_no_float64_is_compared_with_its_plain_pass(llama):
    def narrow(module, args):
        if args[0].dtype == torch.float64:
            raise NotImplementedError("no such kernel")

    llama.blocks[1].mlp.register_forward_pre_hook(narrow)
    found = prove(llama, IDS, strategy="tree", batch_tokens=64)
    assert found.exact and found.bound == FACTOR * FLOOR["float32"]
    assert "no float64 pass (NotImplementedError: no such kernel), compared with the plain pass" in str(found)
    checks = {check.name: check for check in check_model(llama)}
    assert checks["batch_invariance"].passed and "no float64 pass" in checks["batch_invariance"].detail


def test_faults_of_ours_are_not_taken_for_refusals_of_the_model(llama, monkeypatch):
    monkeypatch.setattr(pooling, "depths_of", lambda batch: None)
    with pytest.raises(TypeError):
        choose_strategy(llama, [[0, 5, last, last + 1] for last in range(6, 16)], layers=[3], batch_tokens=64)


def test_what_the_model_raises_is_said(llama):
    def refuses(module, args, kwargs):
        if kwargs.get("attention_mask") is not None:
            raise ValueError("masks are not for me")

    llama.model.register_forward_pre_hook(refuses, with_kwargs=True)
    choice = choose_strategy(llama, [[0, 5, last, last + 1] for last in range(6, 16)], layers=[3], batch_tokens=64)
    assert choice.strategy == "sorted"
    assert str(choice.rejected["tree"]) == "the model cannot run it (ValueError: masks are not for me)"


@pytest.mark.parametrize("planted", ["ends", "window", "depths"])
def test_masks_and_positions_that_are_off_by_one_are_caught(tmp_path, monkeypatch, planted):
    loaded = loaded_from(tmp_path, "gemma3_text")
    ids = [[0, 5, 6, 7, 8, last, last + 1, 3, 4] for last in range(6, 12)]
    options = {"layers": [0, 3], "batch_tokens": 64}
    assert choose_strategy(loaded, ids, **options).strategy == "tree"
    if planted == "ends":
        right = masks.ends_of
        monkeypatch.setattr(masks, "ends_of", lambda batch: right(batch) + 1)
    elif planted == "window":
        ancestors = masks.ancestors
        monkeypatch.setattr(
            masks, "ancestors", lambda *of, window=None, **other: ancestors(*of, window=window and window + 1, **other)
        )
    else:
        depths = pooling.depths_of
        monkeypatch.setattr(pooling, "depths_of", lambda batch: np.maximum(depths(batch) - (depths(batch) > 5), 0))
    choice = choose_strategy(loaded, ids, **options)
    assert choice.strategy == "sorted" and not choice.rejected["tree"].exact


def test_the_batches_of_the_proof_are_those_of_the_extraction(llama, monkeypatch):
    """With the longest prompt, the one that shares most with its neighbour, and as single where prompts run singly."""
    sharing_most = [[7, *range(2, 12), 3], [7, *range(2, 12), 4]]
    ids = sorted([[0, 5, last] for last in range(6, 16)] + [[0, *range(4, 20)], [3], [4, 4], *sharing_most])
    chunks = [range(8), range(8, 15)]
    longest, sharing = ids.index([0, *range(4, 20)]), ids.index([7, *range(2, 12), 4])
    ran = []
    monkeypatch.setattr(
        proof,
        "pooled_batches",
        lambda loaded, unique, batches, **options: (
            ran.extend([unique[prompt] for prompt in batch.prompts] for batch in batches)
            or pooling.pooled_batches(loaded, unique, batches, **options)
        ),
    )
    for strategy in STRATEGIES:
        ran.clear()
        found = prove(llama, ids, strategy=strategy, batch_tokens=24, chunks=chunks)
        assert found.exact
        whole = []
        for chunk in chunks:
            unique = [tuple(ids[place]) for place in chunk]
            whole += [[unique[prompt] for prompt in batch.prompts] for batch in batches_of(llama, unique, strategy, 24)]
        assert all(batch in whole for batch in ran)
        assert {tuple(ids[longest]), tuple(ids[sharing])} <= {row for batch in ran for row in batch}
        assert strategy != "single" or {len(batch) for batch in ran} == {1}


def test_rows_of_a_batch_that_are_wrong_are_found_when_prompts_are_computed_again(llama):
    layers = list(range(llama.n_layers + 1))
    kept = pooled_activations(llama, IDS, poolings=["last"], layers=layers, batch_tokens=64, strategy="tree").values
    positions = positions_of(IDS, ["last"])
    found = recompute(llama, IDS, positions, layers, kept)
    assert found.wrong == [] and found.distance <= (FACTOR - 1) * FLOOR["float32"]
    kept["last"][2, 4] *= 1 + 2e-5
    assert recompute(llama, IDS, positions, layers, kept).wrong == [4]
    kept["last"][0, 1] = np.nan
    assert recompute(llama, IDS, positions, layers, kept).wrong == [1, 4]


def test_a_plain_pass_that_is_itself_far_from_float64_loosens_the_bound(llama, monkeypatch):
    """Then only the float64 pass can say whether stored rows are as good as a plain pass."""
    layers, positions = [3], positions_of(IDS, ["last"])
    plain = rows_of(llama, IDS, positions, layers)
    rows = exactness.rows_of

    def worse(*given, float64=False):
        values = rows(*given, float64=float64)
        if not float64:
            values.values["last"][0, 2] *= 1 + 3e-5
        return values

    monkeypatch.setattr(exactness, "rows_of", worse)
    assert recompute(llama, IDS, positions, layers, plain.values).wrong == []
    assert recompute(llama, IDS, positions, layers, {"last": plain.values["last"] * (1 - 2e-4)}).wrong == list(range(len(IDS)))


# rotary positions whose angles depend on the length


def many(lengths, seed=0):
    """Prompts of these lengths that share beginnings."""
    rng = np.random.default_rng(seed)
    return [[0, *np.resize(rng.integers(3, 6, size=3), length - 1).tolist()] for length in lengths]


@pytest.fixture
def longrope(tmp_path):
    return loaded_from(tmp_path, "phi3-longrope"), Oracle(tmp_path, "phi3-longrope", fresh=True)


@pytest.fixture
def dynamic(tmp_path):
    config = tiny.CONFIGS["llama-dynamic"]()
    config.max_position_embeddings = 8
    folder = tiny.save_config(tmp_path, config)
    return load(find(str(folder), cache=folder)), Oracle(folder, "llama-dynamic", fresh=True)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_every_prompt_has_the_angles_of_its_own_length(kind, strategy, request):
    """Against models that have seen no other prompt; in any order, since a pass leaves its length behind."""
    loaded, oracle = request.getfixturevalue(kind)
    ids = many([12, 3, 9, 8, 20, 7, 14, 14, 4, 9, 12, 5])
    layers = list(range(loaded.n_layers + 1))
    for order in (ids, ids[::-1]):
        assert prove(loaded, order, strategy=strategy, batch_tokens=64).exact
        found = pooled_activations(loaded, order, poolings=["last", "mean"], layers=layers, batch_tokens=64, strategy=strategy)
        for prompt, row in enumerate(order):
            assert oracle.excess(found.values["last"][:, prompt], row, [len(row) - 1]) <= 1
            assert oracle.excess(found.values["mean"][:, prompt], row, list(range(1, len(row)))) <= 1


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_prompts_of_other_angles_in_a_batch_would_be_caught(kind, request, monkeypatch):
    """The proof runs the longest prompt of each kind of length in the batch that it has in the pooling."""
    loaded, _ = request.getfixturevalue(kind)
    ids = many([*range(3, 9)] * 4 + [14])
    rules = regimes(loaded)
    assert {len({tuple(rule(len(row)) for rule in rules) for row in ids})} == {2}
    assert choose_strategy(loaded, ids, layers=[3], batch_tokens=512).strategy == "tree"
    monkeypatch.setattr(pooling, "regimes", lambda loaded: ())
    for strategy in ("tree", "sorted"):
        found = prove(loaded, ids, layers=[3], strategy=strategy, batch_tokens=512)
        assert not found.exact and found.error > 1e-4


def test_checks_pass_for_lengths_on_both_sides_of_the_switch(longrope):
    loaded, _ = longrope
    assert [check.name for check in check_model(loaded) if not check.passed] == []


@pytest.mark.parametrize(
    ("rope", "same", "other"),
    [
        ({"rope_type": "default"}, [(1, 99)], []),
        ({"rope_type": "llama3"}, [(1, 99)], []),
        ({"rope_type": "longrope", "original_max_position_embeddings": 8}, [(1, 8), (9, 99)], [(8, 9)]),
        # what older files say
        ({"type": "longrope"}, [(1, 16), (17, 99)], [(16, 17)]),
        ({"rope_type": "dynamic"}, [(1, 64)], [(64, 65), (65, 66)]),
        # one for each type of layer
        (
            {
                "full_attention": {"rope_type": "longrope", "original_max_position_embeddings": 8},
                "sliding_attention": {"rope_type": "dynamic"},
            },
            [(1, 8), (9, 64)],
            [(8, 9), (64, 65)],
        ),
        # what nobody knows
        ({"rope_type": "later"}, [(5, 5)], [(5, 6)]),
    ],
    ids=str,
)
def test_which_lengths_may_share_a_batch(rope, same, other):
    config = SimpleNamespace(rope_parameters=rope, max_position_embeddings=64, original_max_position_embeddings=16)
    rules = regimes(SimpleNamespace(model=SimpleNamespace(config=SimpleNamespace(get_text_config=lambda: config))))

    def alike(one, another):
        return [rule(one) for rule in rules] == [rule(another) for rule in rules]

    assert all(alike(*pair) for pair in same) and not any(alike(*pair) for pair in other)


def test_a_strategy_that_is_wanted_and_not_exact_is_refused(longrope, monkeypatch):
    loaded, _ = longrope
    ids = many([*range(3, 9)] * 4 + [14])
    monkeypatch.setattr(pooling, "regimes", lambda loaded: ())
    with pytest.raises(EmoError, match=r"not exact \(sorted: error"):
        choose_strategy(loaded, ids, layers=[3], batch_tokens=512, requested="sorted")
    assert choose_strategy(loaded, ids, layers=[3], batch_tokens=512, requested="single").strategy == "single"


def test_an_extraction_runs_no_batch_of_the_proof_again(llama, monkeypatch):
    """And gets the same bits, and the same norms, as one that runs all of them."""
    ids = sorted([[0, 5, last, last + 1] for last in range(6, 16)] + [[0, *range(4, 20)], [3], [4, 4]])
    layers, places = list(range(llama.n_layers + 1)), range(len(ids))
    reader, tokens = Reader(llama, Reading(batch_tokens=24)), Tokens(ids, [], *[[[] for _ in ids] for _ in range(2)])
    options = {"poolings": ["last", "mean"], "layers": layers, "measured": [1, 4]}
    ran = []
    forward = pooling.run
    monkeypatch.setattr(pooling, "run", lambda *given: (ran.append(given[1].prompts), forward(*given)))
    choice = reader.choose(tokens, layers)
    proven = len(ran)
    pooled = reader.pool(tokens, choice, places, **options)
    n_batches = len(batches_of(llama, ids, choice.strategy, 24))
    assert 0 < proven < n_batches and len(ran) == n_batches
    # each is given once: a second reading runs all
    ran.clear()
    again = reader.pool(tokens, choice, places, **options)
    assert len(ran) == n_batches
    assert all(np.array_equal(pooled.values[name], again.values[name]) for name in options["poolings"])
    norms = token_norms(llama, ids, layers=layers, strategy=choice.strategy, batch_tokens=24)
    for place in options["measured"]:
        np.testing.assert_array_equal(pooled.norms[place], again.norms[place])
        np.testing.assert_allclose(pooled.norms[place], norms[place], rtol=1e-5)


def test_a_batch_of_the_proof_of_which_other_tokens_are_read_is_run_again(llama):
    ids, layers = [[0, 5, 6, 7], [0, 5, 6, 8]], [0, 1]
    words = [[1, 2], [2]]
    marks = [Marks(word=positions) for positions in words]
    reader, tokens = Reader(llama, Reading()), Tokens(ids, [], words, [[], []])
    choice = reader.choose(tokens, layers)
    found = reader.pool(tokens, choice, range(2), poolings=["word"], layers=layers).values["word"]
    expected = rows_of(llama, ids, positions_of(ids, ["word"], marks), layers).values["word"]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
