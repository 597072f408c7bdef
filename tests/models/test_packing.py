"""Whatever the prompts are, packing them together changes no number; what would is found out and not used."""

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle

from emotion_cli.errors import EmoError
from emotion_cli.models import pooling
from emotion_cli.models.loading import load
from emotion_cli.models.packing.masks import ancestors, attention_mask, dense, depths_of, ends_of
from emotion_cli.models.packing.proof import choose_strategy, prove
from emotion_cli.models.packing.trees import STRATEGIES, Batch, common_prefix, pack, tree_rows
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find
from emotion_cli.models.tokens import Marks

WITHOUT_TREES = ("bloom", "falcon-alibi", "mamba", "lfm2", "openai-gpt", "recurrent_gemma", "rwkv")
"""Architectures whose positions are places in the sequence (distances, a state), or that take no mask of a tree (GPT-1)."""

token = st.integers(0, 20)
prompts = st.one_of(
    st.just([]),
    st.just([[0]]),
    st.lists(st.lists(token, min_size=1, max_size=12), min_size=1, max_size=10),
    # shared beginnings, repeated prompts, prompts that begin others
    st.tuples(
        st.lists(token, min_size=1, max_size=12),
        st.lists(st.tuples(st.integers(1, 12), st.lists(token, max_size=3)), max_size=10),
    ).map(lambda drawn: [drawn[0], *([*drawn[0][:cut], *end] for cut, end in drawn[1])]),
)
"""Random prompt sets: empty, BOS only, one prompt, prompts of one token, duplicates, shared beginnings."""


class Subject:
    """A tiny model as it is loaded, and what is right for it."""

    def __init__(self, folder, architecture):
        self.architecture = architecture
        self.loaded = load(find(str(folder), cache=folder))
        self.oracle = Oracle(folder, architecture)
        self.layers = list(range(self.loaded.n_layers + 1))


@pytest.fixture(scope="module", params=list(tiny.CONFIGS))
def subject(request, tmp_path_factory):
    return Subject(tiny.save_model(tmp_path_factory.mktemp(request.param), request.param), request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return Subject(tiny.save_model(tmp_path_factory.mktemp("llama"), "llama"), "llama")


def ids_of(subject, rows):
    """Tokens that the model knows, in prompts that it can read."""
    return [row[: subject.loaded.max_positions or None] for row in rows]


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_every_strategy_that_is_exact_gives_the_plain_numbers(subject, data):
    ids = ids_of(subject, data.draw(prompts))
    budget = data.draw(st.sampled_from([1, 7, 30, 512]))
    poolings = data.draw(st.sampled_from([["last"], ["word"], ["last", "mean", "word", "content"]]))
    words, content = (
        [data.draw(st.lists(st.integers(0, len(row) - 1), max_size=2, unique=True)) for row in ids] for _ in range(2)
    )
    for strategy in STRATEGIES:
        if not prove(subject.loaded, ids, strategy=strategy, batch_tokens=budget).exact:
            assert strategy == "tree" and subject.architecture in WITHOUT_TREES
            continue
        pooled = pooled_activations(
            subject.loaded,
            ids,
            poolings=poolings,
            layers=subject.layers,
            batch_tokens=budget,
            strategy=strategy,
            marks=list(map(Marks, words, content)),
        )
        for i, row in enumerate(ids):
            positions = {"last": [len(row) - 1], "mean": list(range(1, len(row)))}
            positions |= {name: [p for p in read[i] if p > 0] for name, read in (("word", words), ("content", content))}
            for name in poolings:
                chosen = positions[name]
                assert pooled.present[name][i] == bool(chosen)
                if chosen:
                    assert subject.oracle.excess(pooled.values[name][:, i], row, chosen) <= 1
                else:
                    assert not pooled.values[name][:, i].any()


@given(ids=prompts, width=st.integers(1, 40))
def test_trees_hold_every_prompt_once_and_share_what_is_shared(ids, width):
    ids = sorted(set(map(tuple, ids)))
    rows = tree_rows(ids, width)
    assert sorted(prompt for row in rows for prompt in row.paths) == list(range(len(ids)))
    for row in rows:
        assert len(row) <= width or len(row.paths) == 1
        spelled = []
        for prompt, path in row.paths.items():
            assert [row.tokens[node] for node in path] == list(ids[prompt])
            assert [row.depths[node] for node in path] == list(range(len(path)))
            assert [row.parents[node] for node in path] == [-1, *path[:-1]]
            spelled += [tuple(ids[prompt][: k + 1]) for k in range(len(path))]
        # a node for each different beginning, and no other
        assert len(row) == len(set(spelled))
    if ids and sum(map(len, ids)) <= width:
        assert len(rows) == 1


@given(ids=prompts, budget=st.integers(1, 60), strategy=st.sampled_from(STRATEGIES))
def test_batches_keep_the_budget_and_the_order_of_prompts_does_not_matter(ids, budget, strategy):
    ids = sorted(set(map(tuple, ids)))
    batches = pack(ids, strategy, budget=budget)
    assert sorted(prompt for batch in batches for prompt in batch.prompts) == list(range(len(ids)))
    assert all(len(batch.rows) == 1 or batch.size <= budget for batch in batches)
    if strategy == "single":
        assert all(len(batch.prompts) == 1 for batch in batches)
    backwards = pack(ids[::-1], strategy, budget=budget)
    assert sum(batch.size for batch in backwards) == sum(batch.size for batch in batches)


@given(ids=prompts, limit=st.sampled_from([None, "window", "chunk"]), size=st.integers(1, 8))
def test_a_node_sees_its_ancestors_only(ids, limit, size):
    """Those of the last `size` positions, or of its own run of `size` positions, where these are limited."""
    ids = sorted(set(map(tuple, ids)))
    if not ids:
        return
    batch = Batch(tree_rows(ids, 25))
    sees = ancestors(*map(torch.from_numpy, (ends_of(batch), depths_of(batch))), **({limit: size} if limit else {}))
    seen = dense(sees, len(batch.rows), batch.width).numpy()
    first = {None: lambda k: 0, "window": lambda k: max(0, k - size + 1), "chunk": lambda k: k // size * size}[limit]
    for row, of_row in zip(batch.rows, seen, strict=True):
        for path in row.paths.values():
            for k, node in enumerate(path):
                assert sorted(np.flatnonzero(of_row[node])) == sorted(path[first(k) : k + 1])
    assert seen.any(-1).all()


def test_windows_bind_by_depth(tmp_path):
    """A tree is laid out behind itself: neighbours in the row are far apart in the text, and the other way round."""
    subject = Subject(tiny.save_model(tmp_path, "gemma3_text"), "gemma3_text")
    ids = [[0, 5, 6, 7, 8, 9, 10], [0, 5, 11, 12, 13, 14, 15]]
    (row,) = tree_rows(ids, 64)
    masks = attention_mask(subject.loaded, Batch([row]))
    assert set(masks) == {"full_attention", "sliding_attention"}
    for path in row.paths.values():
        for depth, node in enumerate(path):
            full, sliding = (np.flatnonzero(masks[kind][0, 0, node].numpy() == 0) for kind in sorted(masks))
            assert sorted(full) == sorted(path[: depth + 1])
            assert sorted(sliding) == sorted(path[max(0, depth - 3) : depth + 1])


def test_trees_of_gpt_neo_stay_within_its_window(tmp_path):
    subject = Subject(tiny.save_model(tmp_path, "gpt_neo"), "gpt_neo")
    ids = [[0, 5, last] for last in range(6, 20)]
    batches = pooling.batches_of(subject.loaded, ids, "tree", 512)
    assert max(batch.width for batch in batches) == 4
    assert any(len(row.paths) == 2 for batch in batches for row in batch.rows)


def test_prompts_with_equal_tokens_are_computed_once(llama):
    once = pooled_activations(llama.loaded, [[0, 5, 6]], poolings=["last"], layers=[3], batch_tokens=64, strategy="tree")
    often = pooled_activations(llama.loaded, [[0, 5, 6]] * 5, poolings=["last"], layers=[3], batch_tokens=64, strategy="tree")
    assert often.n_tokens_computed == once.n_tokens_computed == 3
    assert (often.values["last"] == once.values["last"]).all()


def test_shared_beginnings_are_computed_once(llama):
    ids = [[0, *range(1, 20), last] for last in range(20)]
    pooled = pooled_activations(llama.loaded, ids, poolings=["last"], layers=[3], batch_tokens=64, strategy="tree")
    assert pooled.n_tokens_computed == 40
    assert common_prefix(ids[0], ids[1]) == 20


def test_a_batch_of_which_nothing_is_read_is_not_run(llama):
    said = []
    pooled = pooled_activations(
        llama.loaded,
        [[0, 5], [0, 6]],
        poolings=["word"],
        layers=[1],
        batch_tokens=64,
        marks=[Marks(), Marks()],
        progress=lambda *done: said.append(done),
    )
    assert pooled.n_tokens_computed == 0 and not pooled.present["word"].any() and said == [(2, 4)]


def test_blocks_above_the_last_wanted_layer_and_the_final_norm_are_not_run(llama):
    ran = []
    modules = [*enumerate(llama.loaded.blocks, start=1), ("norm", llama.loaded.model.norm)]
    handles = [module.register_forward_hook(lambda *_, name=name: ran.append(name)) for name, module in modules]
    try:
        for layers, expected in (([0], []), ([1], [1]), ([0, 2], [1, 2]), ([3], [1, 2, 3])):
            ran.clear()
            pooled_activations(llama.loaded, [[0, 5, 6]], poolings=["last"], layers=layers, batch_tokens=64)
            assert ran == expected
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
    ],
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_when_memory_runs_out_batches_are_halved_and_it_is_said_once(llama, monkeypatch, strategy, error):
    ids = [[0, *range(first, first + 9)] for first in range(12)] + [[0, 5, last] for last in range(9)]
    whole = pooled_activations(llama.loaded, ids, poolings=["last"], layers=[1, 3], batch_tokens=200, strategy=strategy)
    sizes, said = [], []
    forward = pooling._forward

    def small_machine(loaded, batch, *given, **options):
        if batch.size > 25:
            raise error
        sizes.append(batch.size)
        return forward(loaded, batch, *given, **options)

    monkeypatch.setattr(pooling, "_forward", small_machine)
    halved = pooled_activations(
        llama.loaded, ids, poolings=["last"], layers=[1, 3], batch_tokens=200, strategy=strategy, notify=said.append
    )
    np.testing.assert_allclose(halved.values["last"], whole.values["last"], atol=1e-5)
    assert len(said) == (0 if strategy == "single" else 1)
    assert halved.n_tokens_computed == sum(sizes)
    assert strategy == "single" or halved.batch_tokens < 200
    monkeypatch.setattr(pooling, "_forward", lambda *_, **__: (_ for _ in ()).throw(error))
    with pytest.raises(EmoError, match="single prompt of 10 tokens"):
        pooled_activations(llama.loaded, ids[:1], poolings=["last"], layers=[1], batch_tokens=200, strategy=strategy)


def test_other_errors_are_not_taken_for_a_lack_of_memory(llama, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(pooling, "_forward", broken)
    with pytest.raises(RuntimeError, match="do not fit"):
        pooled_activations(llama.loaded, [[0, 5], [0, 6]], poolings=["last"], layers=[1], batch_tokens=64)


def test_a_strategy_that_is_not_exact_is_not_used(llama, monkeypatch):
    ids = [[0, 5, last, last + 1] for last in range(6, 16)]
    options = {"layers": llama.layers, "batch_tokens": 64}
    assert choose_strategy(llama.loaded, ids, **options).strategy == "tree"
    # positions that count places in the row: what a model that ignores position_ids does
    monkeypatch.setattr(pooling, "depths_of", lambda batch: np.tile(np.arange(batch.width), (len(batch.rows), 1)))
    choice = choose_strategy(llama.loaded, ids, **options)
    assert choice.strategy == "sorted" and choice.proof.exact and not choice.rejected["tree"].exact
    with pytest.raises(EmoError, match=r"not exact \(tree: error \d.*, 8.0e-06 allowed"):
        choose_strategy(llama.loaded, ids, requested="tree", **options)

    def refused(loaded, batch):
        raise TypeError("no such argument")

    monkeypatch.setattr(pooling, "attention_mask", refused)
    (rejected,) = choose_strategy(llama.loaded, ids, **options).rejected.values()
    assert str(rejected) == "the model cannot run it (TypeError: no such argument)"
