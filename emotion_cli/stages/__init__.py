"""The staircase: every stage, what it reads and writes, as data; the order is the way of the data."""

from collections.abc import Callable
from dataclasses import dataclass

from emotion_cli.job.job import Job, Task
from emotion_cli.stages import (
    audit,
    consensus,
    cross_model,
    dataset_shift,
    extract,
    plot,
    quality,
    report,
    track,
    vectors,
    within_model,
)


@dataclass(frozen=True)
class Stage:
    """One step: the tables that it reads and writes, and the tasks that it consists of for a job."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    tasks: Callable[[Job], list[Task]]


STATISTICS = (
    "vectors",
    "vector_quality",
    "within_model_statistics",
    "cross_model_statistics",
    "consensus_statistics",
    "cross_dataset_statistics",
)

STAGES = (
    Stage("audit", ("prompts",), ("prompt_audits",), audit.tasks),
    Stage("extract", ("prompts",), ("extractions", "activations"), extract.tasks),
    Stage("vectors", ("prompts", "extractions", "activations"), ("vectors",), vectors.tasks),
    Stage("quality", ("prompts", "activations"), ("vector_quality",), quality.tasks),
    Stage("compare", ("prompts", "activations", "vectors"), ("within_model_statistics",), within_model.tasks),
    Stage("compare", ("prompts", "activations", "vectors"), ("cross_model_statistics",), cross_model.tasks),
    Stage("compare", ("prompts", "activations"), ("consensus_statistics",), consensus.tasks),
    Stage("compare", ("prompts", "activations"), ("cross_dataset_statistics",), dataset_shift.tasks),
    Stage("plot", STATISTICS, ("figures",), plot.tasks),
    Stage("track", (*STATISTICS, "figures"), ("mlflow",), track.tasks),
    Stage("report", (*STATISTICS, "figures", "mlflow"), ("report",), report.tasks),
)
