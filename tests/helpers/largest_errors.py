"""Largest errors of an embedded model on every kind of processor that can be played here: `python largest_errors.py ALIAS`.

Prints the table of docs/extraction.md: errors against float64, and in brackets the largest error over that of the plain pass (or over
the floor, where that is more) for the same row. 4 is allowed.
"""

import os
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from oracle import FLOOR, Oracle

from emotion_cli.models.loading import load
from emotion_cli.models.pooling import pooled_activations
from emotion_cli.models.sources.finding import find
from emotion_cli.models.tokens import tokenize
from emotion_cli.prompts.shipped import shipped_prompt_set
from emotion_cli.settings import resolve

KERNELS = (
    {},
    {"ATEN_CPU_CAPABILITY": "avx2"},
    {"ATEN_CPU_CAPABILITY": "default"},
    {"MKL_CBWR": "COMPATIBLE"},
    {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"},
)
THREADS = ("1", "2")
POOLINGS = {"last": lambda row: [len(row) - 1], "mean": lambda row: list(range(1, len(row)))}


def main(alias: str) -> None:
    loaded, ids = subject(alias)
    oracle = Oracle(loaded.source.folder, "llama")
    with tempfile.TemporaryDirectory() as folder:
        exact = Path(folder) / "exact.npz"
        np.savez(exact, *[oracle.of("float64", row) for row in ids])
        del oracle, loaded
        for kernels, threads in product(KERNELS, THREADS):
            command = [sys.executable, __file__, alias, str(exact)]
            subprocess.run(command, env={**os.environ, **kernels, "OMP_NUM_THREADS": threads}, check=True)


def line(alias: str, exact: Path) -> str:
    loaded, ids = subject(alias)
    plain = Oracle(loaded.source.folder, "llama")
    with np.load(exact) as arrays:
        states = [(plain.of("float32", row), arrays[name]) for row, name in zip(ids, arrays.files, strict=True)]
    options = {"poolings": list(POOLINGS), "layers": list(range(loaded.n_layers + 1)), "batch_tokens": 512}
    packed = {strategy: pooled_activations(loaded, ids, strategy=strategy, **options).values for strategy in ("sorted", "tree")}
    cells = []
    for pooling, positions in POOLINGS.items():
        rights, scales, own = [], [], []
        for row, (of_plain, of_exact) in zip(ids, states, strict=True):
            chosen = of_exact[:, positions(row)]
            rights.append(chosen.mean(1))
            scales.append(np.linalg.norm(chosen, axis=-1).max(-1))
            own.append(np.linalg.norm(of_plain[:, positions(row)].mean(1) - rights[-1], axis=-1) / scales[-1])
        cells.append(f"{np.max(own):.1e}")
        for values in packed.values():
            errors = np.linalg.norm(np.moveaxis(values[pooling], 1, 0) - rights, axis=-1) / scales
            cells.append(f"{errors.max():.1e} ({(errors / np.maximum(own, FLOOR)).max():.2f})")
    kernels = [f"`{name}={os.environ[name]}`" for name in ("ATEN_CPU_CAPABILITY", "MKL_CBWR") if name in os.environ]
    return " | ".join(["|", " ".join(kernels) or "the processor's own", os.environ["OMP_NUM_THREADS"], *cells, "|"]).replace(
        "| |", "|"
    )


def subject(alias: str):
    loaded = load(find(alias, cache=resolve({}, folder=Path("/")).cache))
    return loaded, tokenize(loaded, [prompt.text for prompt in shipped_prompt_set("extended").prompts[::13]]).ids


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(line(sys.argv[1], Path(sys.argv[2])), flush=True)
    else:
        main(sys.argv[1])
