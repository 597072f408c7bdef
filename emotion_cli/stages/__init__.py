"""The staircase: every stage, what it reads and writes, as data; the order is the way of the data."""

from collections.abc import Callable
from dataclasses import dataclass

from emotion_cli.stages import cross_model, extract, plot, report, track, vectors, within_model
from emotion_cli.stages.job import Job, Task


@dataclass(frozen=True)
class Stage:
    """One step: the tables that it reads and writes, and the tasks that it consists of for a job."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    tasks: Callable[[Job], list[Task]]


STATISTICS = ("vectors", "within_model_statistics", "cross_model_statistics")

STAGES = (
    Stage("extract", ("prompts",), ("extractions", "activations"), extract.tasks),
    Stage("vectors", ("prompts", "extractions", "activations"), ("vectors",), vectors.tasks),
    Stage("compare", ("prompts", "activations", "vectors"), ("within_model_statistics",), within_model.tasks),
    Stage("compare", ("vectors",), ("cross_model_statistics",), cross_model.tasks),
    Stage("plot", ("vectors", "within_model_statistics"), ("figures",), plot.tasks),
    Stage("track", ("vectors", "within_model_statistics", "cross_model_statistics", "figures"), ("mlflow",), track.tasks),
    Stage(
        "report", ("vectors", "within_model_statistics", "cross_model_statistics", "figures", "mlflow"), ("report",), report.tasks
    ),
)
