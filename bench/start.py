"""What `emo extract` needs before its first forward pass: imports, finding, loading; and what loading leaves in memory."""

import json
import subprocess
import sys
from argparse import Namespace

from bench.measuring import table

NAME = "Start"

LOADING = """
import json, sys, time
from pathlib import Path
began = time.process_time()
import torch, transformers
imported = time.process_time()
from emotion_cli.models.loading import load
from emotion_cli.models.sources.finding import find
from emotion_cli.settings import resolve
source = find(sys.argv[1], cache=resolve({}, folder=Path("/")).cache)
found = time.process_time()
def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
before = {name: memory(name) for name in ("RssAnon", "RssFile")}
Path("/proc/self/clear_refs").write_text("5")
loaded = load(source)
done = time.process_time()
weights = sum(path.stat().st_size for path in source.folder.glob("*.safetensors")) / 2**20
print(json.dumps({"imports": imported - began, "finding": found - imported, "loading": done - found, "weights": weights,
                  "own": memory("RssAnon") - before["RssAnon"], "mapped": memory("RssFile") - before["RssFile"],
                  "peak": memory("VmHWM") - sum(before.values())}))
"""


def run(options: Namespace) -> str:
    rows = []
    for model in options.model:
        command = [sys.executable, "-c", LOADING, model]
        outputs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(options.runs)]
        runs = [json.loads(output.splitlines()[-1]) for output in outputs]
        middle = {key: sorted(times[key] for times in runs)[len(runs) // 2] for key in runs[0]}
        rows.append(
            {
                "model": model,
                "imports s": f"{middle['imports']:.2f}",
                "finding s": f"{middle['finding']:.2f}",
                "loading s": f"{middle['loading']:.2f}",
                "weights MB": f"{middle['weights']:.0f}",
                "own memory MB": f"{middle['own']:.0f}",
                "mapped MB": f"{middle['mapped']:.0f}",
                "peak MB": f"{middle['peak']:.0f}",
            }
        )
        print(rows[-1], flush=True)
    return f"""## {NAME}

Processor seconds, and memory that loading adds: `own` is private, `mapped` belongs to the files and is shared with other
processes.

{table(rows)}"""
