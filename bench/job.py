"""The stages of `make run` at an older commit and now, on the sets and models that both have, in one unattended run.

Each side is a fresh work tree with a store and a cache of its own, and this environment. The older one runs first and last stage
after stage, as its own `emo` does; then the present one does the same, then the present one with controls and all sets.
"""

import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

from bench.measuring import table

NAME = "The job of make run"
BEFORE = "86eed7a"
SETS = ("baseline", "extended", "heldout")
STAGES = ("datasets audit", "extract", "vectors --best", "compare", "plot", "report")
"""Commands of both commits, each of which does what those before it left."""


def run(options: Namespace) -> str:
    root = Path(__file__).parents[1]
    sets = tuple(options.set or SETS)
    with tempfile.TemporaryDirectory() as folder:
        trees = {name: Path(folder) / name for name in (BEFORE, "now")}
        for commit, tree in zip((BEFORE, "HEAD"), trees.values(), strict=True):
            _git(root, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            columns = {name: _stages(tree, Path(folder) / f"{name}-made", sets, options) for name, tree in trees.items()}
            whole = _whole(trees["now"], Path(folder) / "whole", Path(folder) / "now-made" / "cache", options)
        finally:
            for tree in trees.values():
                _git(root, "worktree", "remove", "--force", str(tree))
    rows = [
        {"stage": stage, **{f"{name} {unit}": f"{column[stage][i]:.1f}" for name, column in columns.items() for i, unit in UNITS}}
        for stage in columns["now"]
    ]
    totals = {name: [sum(spent[i] for spent in column.values()) for i, _ in UNITS] for name, column in columns.items()}
    rows.append({"stage": "all", **{f"{name} {unit}": f"{totals[name][i]:.1f}" for name in totals for i, unit in UNITS}})
    share = totals["now"][0] / totals[BEFORE][0]
    return f"""## {NAME}

The stages of {", ".join(sets)} under {" and ".join(options.model)}, without controls, at commit {BEFORE} and now; seconds of the
clock and of the processor. `extract` holds the conversion of the models. Now it takes {share:.0%} of the time.

{table(rows)}
Now with the implicit sets and the controls, from converted models: {whole[0]:.0f} s of the clock, {whole[1]:.0f} s of the
processor.
`emo run --quick` after it, in an empty store: {whole[2]:.0f} s of the clock.
"""


UNITS = ((0, "s"), (1, "processor s"))


def _stages(tree: Path, made: Path, sets: tuple[str, ...], options: Namespace) -> dict[str, tuple[float, float]]:
    chosen = [word for name in options.model for word in ("-m", name)]
    datasets = [word for name in sets for word in ("-d", name)]
    spent = {}
    for stage in STAGES:
        words = [*stage.split(), *([sets[0]] if "audit" in stage else []), *([*chosen, *datasets] if stage == "extract" else [])]
        spent[stage] = _emo(tree, words, made / "store", made / "cache")
        print(tree.name, stage, *(f"{seconds:.1f}" for seconds in spent[stage]), flush=True)
    return spent


def _whole(tree: Path, store: Path, cache: Path, options: Namespace) -> tuple[float, float, float]:
    models = [word for name in options.model for word in ("-m", name)]
    wall, processor = _emo(tree, ["run", *models], store, cache)
    quick, _ = _emo(tree, ["run", "--quick", "-m", options.model[0]], Path(f"{store}-quick"), cache)
    return wall, processor, quick


def _emo(tree: Path, words: list[str], store: Path, cache: Path) -> tuple[float, float]:
    """Seconds of the clock and of the processor, of a command and all processes that it started."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1", "EMO_CACHE": str(cache)}
    command = [sys.executable, "-m", "emotion_cli", *words, "--store", str(store)]
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, used


def _git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True)
