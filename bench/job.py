"""The stages of `make run` at an older commit and now, on the sets and models that both have, in one unattended run.

Each side is a fresh work tree with a store and a cache of its own, and this environment. The older one runs first and stage after
stage, as its own `emo` does; then the present one does the same, then the present one with controls and all sets. What both
stores hold is compared, number by number.
"""

import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench.measuring import table

NAME = "The job of make run"
BEFORE = "86eed7a"
SETS = ("baseline", "extended", "heldout")
FAILED_AUDIT = 4
"""The exit code of an audit that finds labels to differ on the surface."""

SECONDS_BETWEEN_LOOKS = 0.25

VALUES = {"vectors": ("l2_norm", "''"), "vector_quality": ("value", "measure")}
"""Of both sides' tables, the number that is compared, and what names its kind."""

KEYS = ("dataset", "model", "method", "reference", "pooling", "layer", "emotion")


class Spent(NamedTuple):
    """Seconds of the clock and of the processor, and the most memory (bytes) of a command and all processes that it started.

    Pages that several processes share count for each of them.
    """

    wall: float
    processor: float
    memory: int


def run(options: Namespace) -> str:
    """The section of RESULTS.md; with `--set` all of it is of these sets."""
    root = Path(__file__).parents[1]
    models = [word for name in options.model for word in ("-m", name)]
    sets = tuple(options.set or SETS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        trees = {name: folder / name for name in (BEFORE, "now")}
        for commit, tree in zip((BEFORE, "HEAD"), trees.values(), strict=True):
            _git(root, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            _name_package(folder)
            columns = {name: _stages(tree, folder / f"{name}-made", sets, models) for name, tree in trees.items()}
            now, cache = trees["now"], folder / "now-made" / "cache"
            asked = [*(word for name in options.set or () for word in ("-d", name)), *models]
            whole = _emo(now, ["run", "--track", *asked], folder / "whole", cache)
            quick = _emo(now, ["run", "--quick", "-m", options.model[0]], folder / "quick", cache)
            alike = _alike(*(folder / f"{name}-made" / "store" for name in trees))
        finally:
            for tree in trees.values():
                _git(root, "worktree", "remove", "--force", str(tree))
    return f"""## {NAME}

The stages of {", ".join(sets)} under {" and ".join(options.model)}, without controls, at commit {BEFORE} and now. Seconds are of
the clock and of the processor, each with the start of a command. `convert` makes float32 weights of the GGUF files, and counts
the tokens of a set.

{_compared(columns)}
Now with the controls and {"these" if options.set else "all"} sets, from converted models (`emo run --track`): {_said(whole)}
`emo run --quick` after it, in an empty store: {_said(quick)}

Numbers of both stores, by what they measure. A measure that is made otherwise now has another number.

{table(alike)}"""


def _stages(tree: Path, made: Path, sets: tuple[str, ...], models: list[str]) -> dict[str, Spent]:
    """What each stage takes; a command does what those before it left."""
    datasets = [word for name in sets for word in ("-d", name)]
    commands = {
        "audit": ["datasets", "audit", *sets],
        "convert": ["datasets", "audit", sets[0], *models],
        "extract": ["extract", *datasets, *models],
        "vectors": ["vectors"],
        "quality": ["vectors", "--best"],
        "compare": ["compare"],
        "plot": ["plot"],
        "report": ["report"],
    }
    spent = {}
    for stage, words in commands.items():
        spent[stage] = _emo(tree, words, made / "store", made / "cache", allowed=(0, FAILED_AUDIT) if "audit" in words else (0,))
        print(tree.name, stage, *(f"{seconds:.1f}" for seconds in spent[stage][:2]), flush=True)
    return spent


def _name_package(folder: Path) -> None:
    """The older commit asks for the version of a package of its own name, which the environment need not have."""
    metadata = folder / "emo-0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: emo\nVersion: 0\n", encoding="utf-8")


def _emo(tree: Path, words: list[str], store: Path, cache: Path, allowed: tuple[int, ...] = (0,)) -> Spent:
    environment = {**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tree.parent}", "PYTHONSAFEPATH": "1", "EMO_CACHE": str(cache)}
    # the older commit has nothing that `python -m` would start
    command = [sys.executable, "-c", "from emotion_cli.cli.app import main; main()", *words, "--store", str(store)]
    before, started, most = os.times(), time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        while process.poll() is None:
            most = max(most, _memory(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_BETWEEN_LOOKS)
        wall = time.perf_counter() - started
        if process.returncode not in allowed:
            said.seek(0)
            raise RuntimeError(f"{tree.name}: emo {' '.join(words)} ended with {process.returncode}:\n{said.read()[-2000:]}")
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(wall, used, most)


def _memory(root: int) -> int:
    """Bytes that a process and all that descend from it hold now."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    family, size = {root}, 0
    while len(family) > size:
        size = len(family)
        family |= {child for child, parent in parents.items() if parent in family}
    pages = 0
    for member in family:
        with suppress(OSError):
            pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _compared(columns: Mapping[str, Mapping[str, Spent]]) -> str:
    totals = {
        name: Spent(*(sum(spent[i] for spent in of_stage.values()) for i in (0, 1)), max(s.memory for s in of_stage.values()))
        for name, of_stage in columns.items()
    }
    units = {"s": lambda spent: spent.wall, "processor s": lambda spent: spent.processor}
    rows = [
        {"stage": stage}
        | {f"{name} {unit}": f"{read(of_stage[stage]):.1f}" for name, of_stage in rows_of.items() for unit, read in units.items()}
        | {"now / before": f"{rows_of['now'][stage].wall / rows_of[BEFORE][stage].wall:.2f}"}
        for rows_of in [{name: {**of_stage, "all": totals[name]} for name, of_stage in columns.items()}]
        for stage in rows_of["now"]
    ]
    return table(rows)


def _said(spent: Spent) -> str:
    return (
        f"{spent.wall:.0f} s of the clock, {spent.processor:.0f} s of the processor, at most {spent.memory / 2**20:,.0f} MiB in "
        "all processes together."
    )


def _alike(before: Path, now: Path) -> list[dict[str, str]]:
    """How many numbers of two stores stand for the same, and how far they differ, by kind; rows without controls."""
    import duckdb

    rows: list[dict[str, str]] = []
    for name, (value, kind) in VALUES.items():
        sides = []
        for store in (before, now):
            files = f"read_parquet('{store}/{name}/**/*.parquet', hive_partitioning = true, union_by_name = true)"
            columns = {row[0] for row in duckdb.sql(f"describe select * from {files}").fetchall()}
            plain = " and ".join(f"{column} is null" for column in ("control", "test_set") if column in columns) or "true"
            sides.append(f"(select {', '.join(KEYS)}, {kind} as kind, {value} as value from {files} where {plain})")
        joined = " and ".join(f"a.{key} is not distinct from b.{key}" for key in (*KEYS, "kind"))
        found = duckdb.sql(
            f"select a.kind, count(*), count(*) filter (abs(a.value - b.value) <= 1e-6), max(abs(a.value - b.value)) "
            f"from {sides[0]} a join {sides[1]} b on {joined} group by a.kind order by a.kind"
        ).fetchall()
        rows += [
            {
                "table": name,
                "of": kind or value,
                "numbers": f"{n:,}",
                "equal to 1e-6": f"{equal:,}",
                "largest difference": f"{far:.1e}",
            }
            for kind, n, equal, far in found
        ]
    return rows


def _git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True)
