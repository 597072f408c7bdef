"""`emo import` streams: the memory of a process that imports does not grow with the activations in the file."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

N_PROMPTS, WIDTH, MIB = 200, 576, 2**20

CHILD = """
import re, sys
from pathlib import Path
from emotion_cli.exchange.importing import import_activations
from warehouse.store import Store
import_activations(Store(Path(sys.argv[2])), [Path(sys.argv[1])], dataset="mine", model="lab/m", create_dataset=True)
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def activations_file(path: Path, n_layers: int) -> Path:
    """All prompts at so many layers, in random order, in a single row group (the writer's default), not compressible."""
    numbers = np.random.default_rng(0)
    rows = numbers.permutation(N_PROMPTS * n_layers)
    prompts = rows % N_PROMPTS
    table = pa.table(
        {
            "text": [f"text {prompt}" for prompt in prompts],
            "emotion": [("joy", "rage")[prompt % 2] for prompt in prompts],
            "pooling": ["last"] * len(rows),
            "layer": pa.array(rows // N_PROMPTS),
            "activation": pa.FixedSizeListArray.from_arrays(pa.array(numbers.random(len(rows) * WIDTH, np.float32)), WIDTH),
        }
    )
    pq.write_table(table, path, compression="none", use_dictionary=["text", "emotion", "pooling"])
    assert pq.read_metadata(path).num_row_groups == 1
    return path


def peak_of_an_import(path: Path) -> int:
    command = [sys.executable, "-c", CHILD, str(path), str(path.with_suffix(".store"))]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the highest memory of a process is read from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path):
    small, large = activations_file(tmp_path / "small.parquet", 100), activations_file(tmp_path / "large.parquet", 340)
    more = large.stat().st_size - small.stat().st_size
    assert more > 100 * MIB
    assert peak_of_an_import(large) - peak_of_an_import(small) < more / 3
