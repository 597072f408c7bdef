"""Time and memory of recipes, run in turn so that a busy machine is busy for all of them."""

import ctypes
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Measured(NamedTuple):
    """Medians over runs: seconds of the clock and of the processor, peak memory above what was there before (bytes).

    The memory is that of the device that computes.
    """

    wall: float
    cpu: float
    peak: int
    last: Any


def interleaved(
    recipes: Mapping[str, Callable[[], Any]], runs: int, *, fewer: Mapping[str, int] | None = None, device: str = "cpu"
) -> dict[str, Measured]:
    """Each recipe `runs` times (`fewer` for slow ones), one after the other, round by round."""
    wait, reset_peak, peak = _DEVICES[device]
    seen: dict[str, list[tuple[float, float, int]]] = {name: [] for name in recipes}
    last: dict[str, Any] = {}
    for turn in range(runs):
        for name, recipe in recipes.items():
            if turn < (fewer or {}).get(name, runs):
                gc.collect()
                before = reset_peak()
                wall, cpu = time.perf_counter(), time.process_time()
                last[name] = recipe()
                wait()
                seen[name].append((time.perf_counter() - wall, time.process_time() - cpu, max(0, peak() - before)))
    return {
        name: Measured(*(statistics.median(column) for column in zip(*rows, strict=True)), last[name])
        for name, rows in seen.items()
    }


def matmul_rate(rows: int, inner: int, outer: int, seconds: float = 1.0) -> float:
    """Multiply-adds count two: operations a second of processor time of this machine on a product of these sizes, float32."""
    import torch

    left, right = torch.randn(rows, inner), torch.randn(inner, outer)
    best = 0.0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        cpu = time.process_time()
        for _ in range(20):
            left @ right
        best = max(best, 20 * 2 * rows * inner * outer / (time.process_time() - cpu))
    return best


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    if not rows:
        return "(nothing measured)\n"
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([str(row[name]) for name in head] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def _peak() -> int:
    return _status("VmHWM")


def _reset_peak() -> int:
    # what earlier recipes freed goes back to the system, so that it counts for whoever takes it again
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _wait_for_gpu() -> None:
    import torch

    torch.cuda.synchronize()


def _reset_gpu_peak() -> int:
    import torch

    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _gpu_peak() -> int:
    import torch

    return torch.cuda.max_memory_allocated()


_DEVICES = {"cpu": (lambda: None, _reset_peak, _peak), "cuda": (_wait_for_gpu, _reset_gpu_peak, _gpu_peak)}
"""How to wait for a device, to reset the peak of its memory (to the bytes in use, which are returned), and to read it."""
