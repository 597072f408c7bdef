"""Every kernel of attention that transformers has for a model gives the plain numbers, with trees and without."""

from itertools import product

import numpy as np
import pytest
import tiny
import torch
from oracle import Oracle
from torch.nn.attention.flex_attention import BlockMask

from emotion_cli.errors import EmoError
from emotion_cli.models.exactness import positions_of, rows_of
from emotion_cli.models.loading import load
from emotion_cli.models.packing.masks import attention_mask
from emotion_cli.models.packing.proof import prove
from emotion_cli.models.packing.trees import STRATEGIES, Batch, tree_rows
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find

pytestmark = [
    pytest.mark.filterwarnings("ignore:_compile flag on create_block_mask:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:flex_attention called without:UserWarning"),
]

KERNELS = ("eager", "sdpa", "flex_attention")

REFUSED = {
    *product(("bloom", "gpt_neo", "gpt_oss", "mamba", "openai-gpt", "rwkv"), ("sdpa", "flex_attention")),
    *product(("falcon", "falcon-alibi", "gpt2", "stablelm"), ("flex_attention",)),
    ("gemma2", "sdpa"),
}
"""What transformers does not have, or cannot run on a CPU."""

WITHOUT_TREES = ("bloom", "falcon-alibi", "mamba", "lfm2", "openai-gpt", "recurrent_gemma", "rwkv")
"""What runs without trees, as in test_packing.py."""

IDS = [[0, 5, 6, 7, 8, 9, 10], [0, 5, 11, 12], [0, 5, 11, 12, 13, 14, 15, 16], [0], [0, 5, 6, 7], [3, 5, 6], [0, 5, 6, 9]]


@pytest.fixture(autouse=True)
def uncompiled():
    """The same mask and the same sums by torch's own operations: a test needs no compiler."""
    with torch.compiler.set_stance("force_eager"):
        yield


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("architecture", list(tiny.CONFIGS))
def test_a_kernel_gives_the_plain_numbers_or_is_refused(architecture, kernel, tmp_path):
    folder = tiny.save_model(tmp_path, architecture)
    try:
        loaded = load(find(str(folder), cache=folder), attention=kernel)
    except EmoError as error:
        assert error.hint == "--attention auto"
        assert (architecture, kernel) in REFUSED
        return
    assert (architecture, kernel) not in REFUSED
    # transformers' own kernels differ for Falcon with ALiBi
    right = kernel if architecture == "falcon-alibi" else "eager"
    oracle = Oracle(folder, architecture, attn_implementation=right)
    assert loaded.attention == kernel
    layers = list(range(loaded.n_layers + 1))
    exact = []
    for strategy in STRATEGIES:
        if not prove(loaded, IDS, strategy=strategy, batch_tokens=30).exact:
            continue
        exact.append(strategy)
        pooled = pooled_activations(loaded, IDS, poolings=["last"], layers=layers, batch_tokens=30, strategy=strategy)
        found = pooled.values["last"]
        for i, row in enumerate(IDS):
            assert oracle.excess(found[:, i], row, [len(row) - 1]) <= 1
    assert {"sorted", "single"} <= set(exact)
    assert "tree" in exact or architecture in WITHOUT_TREES


def test_the_float64_pass_of_flex_attention_needs_no_compiler(tmp_path):
    folder = tiny.save_model(tmp_path, "llama")
    loaded, oracle = load(find(str(folder), cache=folder), attention="flex_attention"), load(find(str(folder), cache=folder))
    layers = list(range(loaded.n_layers + 1))
    positions = positions_of(IDS, ["last"])
    with torch.compiler.set_stance("fail_on_recompile"):
        truth = rows_of(loaded, IDS, positions, layers, float64=True)
    plain = rows_of(oracle, IDS, positions, layers, float64=True)
    np.testing.assert_allclose(truth.values["last"], plain.values["last"], rtol=0, atol=1e-12)


def test_flex_attention_takes_the_mask_in_blocks(tmp_path):
    """Of more than one block: what the kernel skips, and what it asks node by node."""
    folder = tiny.save_model(tmp_path, "gemma3_text")
    loaded = load(find(str(folder), cache=folder), attention="flex_attention")
    ids = [[0, first, second, *range(second, second + 3)] for first in range(5, 15) for second in range(20, 25)]
    (row,) = tree_rows(ids, 512)
    batch = Batch([row])
    assert batch.width > 128
    masks = attention_mask(loaded, batch)
    assert set(masks) == {"full_attention", "sliding_attention"}
    places = torch.arange(batch.width)
    for kind, window in (("full_attention", 64), ("sliding_attention", 4)):
        right = np.zeros((512, 512), dtype=bool)
        for path in row.paths.values():
            for depth, node in enumerate(path):
                right[node, path[max(0, depth - window + 1) : depth + 1]] = True
        mask = masks[kind]
        assert isinstance(mask, BlockMask)
        found = mask.mask_mod(torch.tensor(0), torch.tensor(0), places[:, None], places)
        np.testing.assert_array_equal(found, right[: batch.width, : batch.width])
        blocks = right.reshape(4, 128, 4, 128).any((1, 3))[: -(-batch.width // 128), : -(-batch.width // 128)]
        np.testing.assert_array_equal(mask.to_dense()[0, 0] > 0, blocks)
