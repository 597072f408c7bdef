"""Every stage with the tables that it reads and writes, as data, in the order of the work."""

from collections.abc import Callable
from dataclasses import dataclass

from emotion_cli.job.job import Job, Task
from emotion_cli.stages import (
    audit,
    consensus,
    cross_model,
    dataset_shift,
    extract,
    patch,
    plot,
    quality,
    report,
    steer,
    track,
    vectors,
    within_model,
)


@dataclass(frozen=True)
class Stage:
    """One step: the tables that it reads and writes, and the tasks that it consists of for a job.

    `seconds` are what a task takes about, on a large job: progress goes by them. Tasks that stand `apart` need no model and
    not one another, so that processes of their own may do them.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    tasks: Callable[[Job], list[Task]]
    seconds: float = 1.0
    apart: bool = False


STATISTICS = (
    "vector_quality",
    "within_model_statistics",
    "cross_model_statistics",
    "consensus_statistics",
    "cross_dataset_statistics",
)

STEERED = ("steering_runs", "steering_statistics")
"""What is known of models that were changed."""

REPORTED = (
    "prompts",
    "extractions",
    "vectors",
    "vector_quality",
    "within_model_statistics",
    "cross_dataset_statistics",
    "lens_statistics",
)
"""What both the MLflow record and the report are made of."""

STAGES = (
    Stage("audit", ("prompts",), ("prompt_audits",), audit.tasks, 3, apart=True),
    Stage("extract", ("prompts",), ("extractions", "activations", "layer_profiles"), extract.tasks, 15),
    Stage("vectors", ("activations",), ("vectors",), vectors.tasks, 0.3),
    Stage("quality", ("prompts", "activations"), ("vector_quality",), quality.tasks, 10, apart=True),
    Stage("compare", ("prompts", "activations"), ("within_model_statistics",), within_model.tasks, 1, apart=True),
    Stage("compare", ("prompts", "activations", "vectors"), ("cross_model_statistics",), cross_model.tasks, 12, apart=True),
    Stage("compare", ("prompts", "activations"), ("consensus_statistics",), consensus.tasks, 10, apart=True),
    Stage("compare", ("prompts", "activations"), ("cross_dataset_statistics",), dataset_shift.tasks, 1, apart=True),
    Stage(
        "steer",
        ("prompts", "activations"),
        ("steering_runs", "residual_norms", "steering_effects", "steering_statistics"),
        steer.tasks,
        60,
    ),
    Stage("patch", ("prompts", "activations"), ("patching_effects", "patching_statistics"), patch.tasks, 120),
    Stage("plot", ("vectors", *STATISTICS, *STEERED, "patching_statistics"), ("figures",), plot.tasks, 3, apart=True),
    Stage("track", (*REPORTED, "figures"), ("mlflow",), track.tasks, 5),
    Stage(
        "report",
        (
            *REPORTED,
            "prompt_audits",
            "layer_profiles",
            "cross_model_statistics",
            *STEERED,
            "patching_statistics",
            "figures",
            "mlflow",
        ),
        ("report",),
        report.tasks,
        3,
    ),
)
"""A new stage is a file here and a line in this tuple."""
