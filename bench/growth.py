"""How time and memory of the statistics within a model grow with the number of prompts, each stage in a process of its own."""

import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

from bench.made import store_made
from bench.measuring import table

NAME = "Growth"
STAGES = ("vectors", "quality", "compare")
LABELS, LAYERS, WIDTH = 8, 2, 256
SIZES = (8_000, 16_000, 32_000, 64_000, 128_000)
METHOD = "mean_difference"


class Used(NamedTuple):
    """Seconds of the clock and of the processor, and peak memory (bytes) of a process."""

    wall: float
    cpu: float
    peak: int


def run(options: Namespace) -> str:
    rows: list[dict[str, str]] = []
    earlier: dict[str, Used] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            store = store_made(Path(folder), topics=size // LABELS, labels=LABELS, layers=LAYERS, width=WIDTH)
            used = {stage: measured(store, stage) for stage in STAGES}
        row = {"prompts": f"{size:,}"}
        for stage, now in used.items():
            before = earlier.get(stage)
            row |= {
                f"{stage} s": f"{now.cpu:.1f}",
                f"{stage} x": f"{now.cpu / before.cpu:.2f}" if before else "",
                f"{stage} MB": f"{now.peak / 2**20:.0f}",
            }
        earlier = used
        rows.append(row)
        print(row, flush=True)
    return f"""## {NAME}

Statistics within a model of made-up activations: {LABELS} labels, {LAYERS} layers x {WIDTH}, method {METHOD}, reference
neutral, 1,000 draws, one prompt for each topic and label. Seconds of the processor and peak memory of each stage in a process of
its own, its start included; x is the time over that of half as many prompts.

{table(rows)}"""


def measured(store: Path, stage: str) -> Used:
    """One stage of all that a store holds."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "bench.stage", str(store), stage, METHOD])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{stage} failed")
    return Used(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
