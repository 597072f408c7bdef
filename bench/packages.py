"""Extraction by installed packages, each in an environment of its own and by its own functions, on the same prompts."""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from bench.measuring import table
from bench.texts import shipped

NAME = "Other packages"
ENVIRONMENTS = Path(".venv-bench")
PACKAGES = {
    "transformer-lens": ["transformer-lens"],
    "steering-vectors": ["steering-vectors", "torch"],
    "repeng": ["repeng"],
    "nnsight": ["nnsight"],
    "saklas": ["saklas"],
}
"""Requirements for pip, by package."""

HOW = {
    "emo": "tree packing, proof included",
    "transformer-lens": "TransformerBridge.run_with_cache, names filter on the residual stream, 32 rows",
    "steering-vectors": "record_activations, 32 rows",
    "repeng": "extract.batched_get_hiddens, 32 rows",
    "nnsight": "LanguageModel.trace, last token saved at each block, 32 rows",
    "saklas": "core.capture, length-sorted, its own largest batch",
}


def run(options: Namespace) -> str:
    sections = []
    for model in options.model:
        rows = _measure(model, options)
        sections.append(f"### {model}\n\n{table(rows)}")
    return f"""## {NAME}

`extended`, last token at every layer, float32; processor seconds of one call in a process of its own, model loaded before
(medians). `emo` is measured the same way, between the others.

{chr(10).join(sections)}"""


def _measure(model: str, options: Namespace) -> list[dict[str, Any]]:
    from emotion_cli.models.loading import load
    from emotion_cli.models.sources.finding import find
    from emotion_cli.models.tokens import tokenize
    from emotion_cli.settings import resolve

    cache = resolve({}, folder=Path("/")).cache
    loaded = load(find(model, cache=cache))
    texts = shipped("extended")
    work = {
        "model": model,
        "folder": str(loaded.source.folder),
        "texts": texts,
        "ids": tokenize(loaded, texts).ids,
        "runs": options.runs,
        "threads": options.threads,
        "device": "cpu",
    }
    del loaded
    pythons = {"emo": (Path(sys.executable), "")} | {name: _environment(name) for name in PACKAGES}
    results: dict[str, dict[str, Any]] = {}
    for name, (python, fault) in pythons.items():
        results[name] = {"fault": fault} if fault else _worker(name, python, work)
        print(model, name, results[name], flush=True)
    emo = results["emo"].get("seconds", float("nan"))
    check = results["emo"].get("check")
    differing = [
        name for name, result in results.items() if check and "check" in result and abs(result["check"] / check - 1) > 1e-5
    ]
    if differing:
        raise SystemExit(f"{model}: not the same states: {', '.join(differing)}")
    return [
        {
            "package": name,
            "version": result.get("version", "-"),
            "how": HOW[name],
            "seconds": f"{result['seconds']:.2f}" if "seconds" in result else f"skipped: {result['fault']}",
            "x emo": f"{result['seconds'] / emo:.1f}" if "seconds" in result else "-",
        }
        for name, result in results.items()
    ]


def _environment(name: str) -> tuple[Path, str]:
    """The package's Python, made if it is not there, and why it cannot be used."""
    folder = ENVIRONMENTS / name
    python = (folder / "bin/python").absolute()
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pinned = next(line for line in Path("constraints.txt").read_text().splitlines() if line.startswith("torch=="))
        (folder / "constraints.txt").write_text(pinned + "\n")
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "-c", folder / "constraints.txt", *PACKAGES[name]],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return python, "cannot be installed"
        (folder / "installed").touch()
    return python, ""


def _worker(name: str, python: Path, work: dict[str, Any]) -> dict[str, Any]:
    script = Path(__file__).with_name("package_worker.py")
    # -P: else this folder stands before the standard library, and its statistics.py before that one's
    done = subprocess.run([python, "-P", script, name], input=json.dumps(work), capture_output=True, text=True, check=False)
    if done.returncode:
        return {"fault": (done.stderr.strip().splitlines() or ["failed"])[-1][:100].replace("|", "/")}
    return json.loads(done.stdout.splitlines()[-1])
