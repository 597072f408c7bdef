"""What one CUDA GPU does: extraction against other recipes, number formats, batch budgets and kernels of attention.

Needs no network and no installed weights. Each part runs in a process of its own, so that one that hangs or breaks the GPU takes
no other with it; all of them end within LIMIT seconds.
"""

import json
import multiprocessing
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench import recipes, stand_in
from bench.measuring import interleaved, table
from bench.tokens import MODEL, copies, saved

NAME = "One GPU"
LIMIT = 440
"""Seconds for all parts; with what comes before and after them less than eight minutes."""

PART_LIMIT = 150
"""Seconds for one part."""

COPIES = {"extended": 16, "long": 8}
"""How often the prompts of a set stand in its large form, which keeps a GPU busy."""

FORMATS = ("float32", "bfloat16", "float16")
BUDGETS = (1024, 4096, 8192, 16384, 32768, 65536)
KERNELS = {"sdpa": "sdpa", "eager": "eager", "flex": "flex_attention"}
"""What transformers calls each kernel."""


class Job(NamedTuple):
    """What is measured: a model's folder and one for its hashes, token ids of the prompts by set, where, and how."""

    folder: Path
    cache: Path
    sets: dict[str, list[list[int]]]
    device: str
    runs: int
    threads: int


Row = dict[str, str | int]
Rows = Callable[[Job], Iterator[Row]]


def run(options: Namespace) -> str:
    import torch

    if not torch.cuda.is_available():
        print("gpu: torch sees no CUDA GPU on this machine, so there is nothing to measure")
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        folder, weights = _model(Path(scratch))
        job = Job(folder, Path(scratch), _sets(saved(), stand_in.SMOLLM2["vocab_size"]), "cuda", options.runs, options.threads)
        return text_of(_sections(job), weights)


def text_of(sections: Sequence[str], weights: str) -> str:
    """The section of the results around its tables."""
    import torch

    card = torch.cuda.get_device_properties(0)
    matmul, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    return f"""## {NAME}

{card.name}, {card.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}, transformers {version("transformers")}.
float32 products are as torch has them: precision `{torch.get_float32_matmul_precision()}`, TF32 in products {_allowed(matmul)},
in convolutions {_allowed(convolutions)}.

{weights}
The prompts are token ids of SmolLM2's tokenizer, from `bench/tokens.json.gz`. `x 16` and `x 8` are so many copies of a set, each
under its own permutation of the vocabulary. So a copy shares as much within itself, and only the first token with other copies.

What is measured is the residual stream of the last token at every layer, from token ids to an array on the host. Seconds are
those of the clock, medians of runs after a warm-up. The GPU is waited for before and after each run. Peak memory is what is
allocated on the GPU above the weights. `first s` is the first proof and the first passes, compilation included; `proof s` is a
proof after that. `packing s` is the time in which the CPU makes batches, `passes s` the rest. `tokens/s` is all tokens over both.
`error` is what the proof found, and `allowed` is what it allows.

{chr(10).join(sections)}"""


def extraction(job: Job) -> Iterator[Row]:
    """`emo` with its proof against (a), (b) and (c) of the section `Extraction`, float32; (a) not on large sets."""
    import torch
    import transformers

    loaded = _loaded(job)
    causal = transformers.AutoModelForCausalLM.from_pretrained(job.folder, dtype=torch.float32).eval().to(job.device)
    for name, ids in job.sets.items():
        if name.startswith("long x"):
            continue
        ways = {
            "emo": partial(recipes.ours, loaded, clock=time.perf_counter),
            "c": partial(recipes.sorted_by_length, loaded.model, loaded.blocks),
            "b": partial(recipes.padded, causal),
        }
        if name in COPIES:
            ways["a"] = partial(recipes.singly, causal)
        for way in ways.values():
            way(ids[: 2 * recipes.BATCH])
        measured = interleaved({key: partial(way, ids) for key, way in ways.items()}, job.runs, fewer={"a": 1}, device=job.device)
        values, choice, computed, proof = measured["emo"].last
        # the last state of (b) is behind the final norm
        away = {key: _distance(values[:-1], measured[key].last[:-1]) for key in ("b", "c")}
        emo = measured["emo"].wall
        yield {
            "set": name,
            "prompts": len(ids),
            "tokens": sum(map(len, ids)),
            "computed": computed,
            "strategy": choice.strategy,
            "error": f"{choice.error:.0e}",
            "emo s": f"{emo:.2f}",
            "of it proof": f"{proof:.2f}",
            **{f"{key} s": f"{measured[key].wall:.2f}" if key in measured else "-" for key in "abc"},
            **{f"x {key}": f"{measured[key].wall / emo:.2f}" if key in measured else "-" for key in "abc"},
            "tokens/s": f"{sum(map(len, ids)) / emo:.0f}",
            "peak MB emo/b/c": "/".join(_megabytes(measured[key].peak) for key in ("emo", "b", "c")),
            "from b/c": "/".join(f"{away[key]:.0e}" for key in "bc"),
        }


def peers(job: Job) -> Iterator[Row]:
    """Other packages by their own functions, as in the section `Other packages`: those that are installed here."""
    from bench import package_worker
    from bench.packages import HOW

    loaded, ids = _loaded(job), job.sets["extended"]
    work = {"folder": str(job.folder), "ids": ids, "texts": [loaded.tokenizer.decode(row) for row in ids], "device": job.device}

    def measured(call: Callable[[], Any]) -> tuple[float, int, float]:
        call()
        seconds, _, peak, states = interleaved({"": call}, job.runs, device=job.device)[""]
        return seconds, peak, float(np.mean([np.linalg.norm(np.asarray(layer, dtype=np.float64)) for layer in states[1:]]))

    emo, peak, expected = measured(lambda: recipes.ours(loaded, ids)[0][:-1])
    yield {"package": "emo", "how": HOW["emo"], "seconds": f"{emo:.2f}", "x emo": "1.0", "peak MB": _megabytes(peak)}
    for name in installed_peers():
        row: Row = {"package": name, "version": version(name), "how": HOW[name]}
        try:
            seconds, peak, norm = measured(getattr(package_worker, name.replace("-", "_"))(work))
        except Exception as error:  # whatever a package raises where it does not know this device or torch
            yield {**row, "seconds": f"fails: {_one_line(error)}"}
            continue
        row |= {"seconds": f"{seconds:.2f}", "x emo": f"{seconds / emo:.1f}", "peak MB": _megabytes(peak)}
        # whether they are the same states
        yield {**row, "mean norm from emo's": f"{abs(norm / expected - 1):.0e}"}


def installed_peers() -> list[str]:
    """The packages of the section `Other packages` that this environment has."""
    from bench.packages import PACKAGES

    return [name for name in PACKAGES if find_spec(name.replace("-", "_"))]


def formats(job: Job) -> Iterator[Row]:
    """Speed and proof in each number format."""
    for dtype in FORMATS:
        yield from _speeds(job, [name for name in job.sets if name != "long"], {"format": dtype}, dtype=dtype)


def budgets(job: Job) -> Iterator[Row]:
    """Speed by tokens a batch, float32."""
    for name in (name for name in job.sets if name not in COPIES):
        for budget in BUDGETS:
            yield from _speeds(job, [name], {"tokens a batch": budget}, budget=budget)


def kernels(job: Job, names: Sequence[str] = tuple(KERNELS)) -> Iterator[Row]:
    """Speed of trees by the kernel of attention, float32."""
    for name in names:
        yield from _speeds(job, list(job.sets), {"kernel": name}, attention=KERNELS[name])


PARTS: dict[str, tuple[Rows, ...]] = {
    "Extraction": (extraction,),
    "Number formats": (formats,),
    # the compiler may fail in ways of its own
    "Kernels of attention": (partial(kernels, names=("sdpa", "eager")), partial(kernels, names=("flex",))),
    # any number of these is of use, so they come last
    "Tokens a batch": (budgets,),
}
"""The rows of each table, by its title; each function runs in a process of its own."""


def _sections(job: Job) -> list[str]:
    ends = time.monotonic() + LIMIT
    names = installed_peers()
    parts = {**PARTS, "Other packages": (peers,)} if names else PARTS
    sections = [_section(title, [_apart(rows, job, ends) for rows in groups]) for title, groups in parts.items()]
    return sections if names else [*sections, "No other package is installed here, so none is compared.\n"]


def _section(title: str, measured: Iterable[tuple[list[Row], str]]) -> str:
    rows, faults = [], []
    for some, fault in measured:
        rows += some
        faults += [f"\nNot all was measured: {fault}.\n"] if fault else []
    columns = dict.fromkeys(column for row in rows for column in row)
    return f"### {title}\n\n{table([{column: row.get(column, '-') for column in columns} for row in rows])}{''.join(faults)}"


def _apart(rows: Rows, job: Job, ends: float) -> tuple[list[Row], str]:
    """The rows that a process of its own yields in time, and why it did not yield all of them."""
    seconds = min(PART_LIMIT, ends - time.monotonic())
    if seconds <= 0:
        return [], "the time was used up"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "rows")
        file.touch()
        process = multiprocessing.get_context("spawn").Process(target=_write_rows, args=(rows, job, file))
        process.start()
        process.join(seconds)
        fault = f"stopped after {seconds:.0f} seconds" if process.is_alive() else ""
        process.kill()
        process.join()
        # what a stopped process was about to write is no line
        written = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n")[:-1]]
    problems = [row["fault"] for row in written if "fault" in row]
    if process.exitcode and not fault and not problems:
        fault = f"the process ended with {process.exitcode}"
    return [row for row in written if "fault" not in row], "; ".join([*problems, fault] if fault else problems)


def _write_rows(rows: Rows, job: Job, file: Path) -> None:
    import torch

    torch.set_num_threads(job.threads)
    began = time.monotonic()
    with file.open("a", encoding="utf-8") as out:
        try:
            for row in rows(job):
                print(json.dumps(row), file=out, flush=True)
                print(f"{time.monotonic() - began:.0f} s", row, flush=True)
        except Exception as error:  # the other parts go on
            print(json.dumps({"fault": _one_line(error)}), file=out, flush=True)
            raise


def _speeds(job: Job, names: Iterable[str], columns: Row, budget: int | None = None, **options: Any) -> Iterator[Row]:
    from emotion_cli.errors import EmoError

    try:
        loaded = _loaded(job, **options)
    except EmoError as error:
        yield {**columns, "strategy": f"none: {_one_line(error)}"}
        return
    for name in names:
        try:
            yield {"set": name, **columns, **_speed(loaded, job.sets[name], job, budget)}
        except EmoError as error:
            yield {"set": name, **columns, "strategy": f"none: {_one_line(error)}"}


def _speed(loaded: Any, ids: list[list[int]], job: Job, budget: int | None) -> Row:
    from emotion_cli.models.pooling import batches_of, distinct
    from emotion_cli.models.reader import Reader, Reading
    from emotion_cli.models.tokens import Tokens

    notes: list[str] = []
    reader = Reader(loaded, Reading(batch_tokens=budget), notify=notes.append)
    layers, tokens = list(range(loaded.n_layers + 1)), Tokens(ids, [], [[] for _ in ids], [[] for _ in ids])
    began = time.perf_counter()
    choice = reader.choose(tokens, layers)
    read = partial(reader.pool, tokens, choice, range(len(ids)), poolings=["last"], layers=layers)
    read()
    first = time.perf_counter() - began
    measured = interleaved(
        {
            "read": read,
            "proof": partial(reader.choose, tokens, layers),
            "packing": lambda: batches_of(loaded, distinct(ids)[0], choice.strategy, reader.batch_tokens),
        },
        job.runs,
        fewer={"proof": 1, "packing": 1},
        device=job.device,
    )
    seconds, packing = measured["read"].wall, measured["packing"].wall
    return {
        "strategy": choice.strategy,
        "error": f"{choice.error:.0e}",
        "allowed": f"{choice.proof.bound:.0e}",
        "first s": f"{first:.2f}",
        "proof s": f"{measured['proof'].wall:.2f}",
        "packing s": f"{packing:.2f}",
        "passes s": f"{max(0.0, seconds - packing):.2f}",
        "tokens/s": f"{sum(map(len, ids)) / seconds:.0f}",
        "peak MB": _megabytes(measured["read"].peak),
        # why a kernel was compared with the plain pass only, and where memory ran out
        "notes": "; ".join(filter(None, [choice.proof.no_float64, *notes])).replace("|", "/") or "-",
    }


def _loaded(job: Job, **options: Any) -> Any:
    from emotion_cli.models.loading import load
    from emotion_cli.models.sources.finding import find

    return load(find(str(job.folder), cache=job.cache), device=job.device, **options)


def _model(scratch: Path) -> tuple[Path, str]:
    """The folder of the model, and a sentence that says which weights it has."""
    from emotion_cli.models.sources.embedded import is_installed

    if is_installed(MODEL):
        from emotion_cli.models.loading import load_tokenizer
        from emotion_cli.models.sources.finding import find
        from emotion_cli.settings import resolve

        source = find(MODEL, cache=resolve({}, folder=Path("/")).cache)
        load_tokenizer(source)  # converts the weights where that has not been done
        return source.folder, "The model is SmolLM2-135M with its own weights."
    note = "The model has the sizes of SmolLM2-135M and random weights: the speed is that of SmolLM2-135M, the errors are not."
    return stand_in.save(scratch / "model", stand_in.SMOLLM2), note


def _sets(ids: dict[str, list[list[int]]], vocabulary: int) -> dict[str, list[list[int]]]:
    """The sets, and their large forms."""
    return ids | {f"{name} x {count}": copies(ids[name], count, vocabulary) for name, count in COPIES.items()}


def _distance(rows: np.ndarray, reference: np.ndarray) -> float:
    """Largest distance of states over their norm."""
    return float((np.linalg.norm(rows - reference, axis=-1) / np.linalg.norm(reference, axis=-1)).max())


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f}"


def _allowed(value: bool) -> str:
    return "allowed" if value else "not allowed"


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:150]}".replace("|", "/")
