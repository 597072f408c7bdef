"""171 labels x 600 prompts x 12 layers x 768, the largest study of this kind by labels, through the statistics of one model."""

import tempfile
from argparse import Namespace
from pathlib import Path

from bench.growth import METHOD, STAGES, measured
from bench.made import store_made
from bench.measuring import table

NAME = "Many labels"
LABELS, TOPICS, LAYERS, WIDTH = 171, 600, 12, 768


def run(options: Namespace) -> str:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        store = store_made(Path(folder), topics=TOPICS, labels=LABELS, layers=LAYERS, width=WIDTH)
        for stage in STAGES:
            used = measured(store, stage)
            rows.append({"stage": stage, "minutes": f"{used.wall / 60:.1f}", "peak MB": f"{used.peak / 2**20:.0f}"})
            print(rows[-1], flush=True)
    return f"""## {NAME}

{LABELS} labels x {TOPICS} prompts ({LABELS * TOPICS:,}), {LAYERS} layers x {WIDTH}, method {METHOD}, reference neutral, 1,000
draws. Each stage is a process of its own.

{table(rows)}"""
