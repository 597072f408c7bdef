"""`emo extract` of 1,000 to 100,000 prompts on a tiny model: time should be linear, memory flat."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

from bench.measuring import table

NAME = "Scaling"
SIZES = (1_000, 10_000, 100_000)


def run(options: Namespace) -> str:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests/helpers"))
    import tiny

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["EMO_CACHE"] = str(root / "cache")
        # wide enough for some parts: what is flat must be so over many of them
        model = tiny.save_model(root / "tiny", "llama", hidden_size=256, num_hidden_layers=2)
        for size in SIZES:
            _write(root / f"{size}.jsonl", size)
            store = ["--store", str(root / f"store-{size}")]
            _emo("datasets", "import", str(root / f"{size}.jsonl"), "--dataset", "many", *store)
            audit, _, audit_peak = _emo("datasets", "audit", "many", *store)
            wall, cpu, peak = _emo("extract", "-d", "many", "-m", str(model), *store)
            (extraction,) = json.loads(_output("sql", "select n_tokens, n_tokens_computed, strategy from extractions", *store))
            parts = len(list(root.glob(f"store-{size}/activations/**/part-*.parquet")))
            rows.append(
                {
                    "prompts": f"{size:,}",
                    "tokens": f"{extraction['n_tokens']:,}",
                    "computed": f"{extraction['n_tokens_computed']:,}",
                    "parts": parts,
                    "strategy": extraction["strategy"],
                    "seconds": f"{wall:.1f}",
                    "processor s": f"{cpu:.1f}",
                    "processor ms a prompt": f"{1000 * cpu / size:.2f}",
                    "peak MB": f"{peak / 2**20:.0f}",
                    "audit s": f"{audit:.1f}",
                    "audit peak MB": f"{audit_peak / 2**20:.0f}",
                }
            )
            print(rows[-1], flush=True)
    return f"""## {NAME}

The whole command `emo extract` (its start included) with a random Llama of 2 blocks x 256, all layers, pooling last; prompts of
6 to 20 words, all different. The audit of the prompts (`emo datasets audit`, 1,000 draws), with which an extraction else begins,
is measured apart.

{table(rows)}"""


def _write(path: Path, size: int) -> None:
    import tiny

    rng = random.Random(size)
    labels = ("calm", "rage", "thanks")
    seen: set[str] = set()
    with path.open("w", encoding="utf-8") as sink:
        while len(seen) < size:
            text = " ".join(rng.choices(tiny.WORDS, k=rng.randint(6, 20)))
            if text not in seen:
                seen.add(text)
                sink.write(json.dumps({"text": text, "emotion": labels[len(seen) % 3]}) + "\n")


def _emo(*words: str) -> tuple[float, float, int]:
    """Seconds of the clock and of the processor, and peak memory (bytes), of one command in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-c", "from emotion_cli.cli.app import main; main()", *words, "-q"]
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"emo {' '.join(words)} failed")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def _output(*words: str) -> str:
    command = [sys.executable, "-c", "from emotion_cli.cli.app import main; main()", *words, "--format", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
