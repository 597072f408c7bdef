"""Plans and runs the stages; knows them only by their declarations."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from emotion_cli import workers
from emotion_cli.errors import EmoError, UsageError
from emotion_cli.job.datasets import Version, ensure_imported, known_datasets, newest_version
from emotion_cli.job.extractions import (
    MADE_WITH,
    Extraction,
    extractions_in_store,
    planned_extraction,
    with_activations,
)
from emotion_cli.job.job import Job, Task
from emotion_cli.job.known import (
    refuse_layers_beyond,
    refuse_unknown_layers,
    refuse_unknown_names,
    refuse_unknown_settings,
    with_emotions,
    with_reference,
)
from emotion_cli.job.listener import Listener
from emotion_cli.job.patching import Patching
from emotion_cli.job.scoring import Scoring
from emotion_cli.job.sources import find_sources, refuse_other_weights, refuse_taken_names, template_of, with_controls
from emotion_cli.job.steering import Steering, Writing
from emotion_cli.job.variants import refuse_uncompared
from emotion_cli.models.sources.embedded import EMBEDDED
from emotion_cli.settings import Settings
from emotion_cli.stages import STAGES, Stage, heads, lens, patch, score, steer, write
from emotion_cli.stages.audit import tokens_by_label
from emotion_cli.wording import counted
from warehouse.store import Store

FORCED = "forced"

MAKES_ONLY = ("audit", "extract", "vectors", "quality")
"""Stages that every method has; the others compare and show directions."""


class Step(NamedTuple):
    """One line of a plan; an empty reason means that nothing is to be done."""

    stage: str
    subject: str
    reason: str

    def row(self) -> dict[str, str]:
        """The line as `--dry-run` prints it."""
        return {**self._asdict(), "reason": self.reason or "up to date"}


@dataclass(frozen=True)
class Outcome:
    """The tasks that each stage did and skipped, and the written folders."""

    done: Sequence[Task]
    left: Sequence[Task]

    @property
    def tasks(self) -> Sequence[Task]:
        """All tasks, done or left alone."""
        return [*self.done, *self.left]

    def of(self, stage: str) -> "Outcome":
        """The outcome of one stage's tasks."""
        done, left = ([task for task in tasks if task.stage == stage] for tasks in (self.done, self.left))
        return Outcome(done, left)


def stages(first: str, last: str, *, without: Collection[str] = ()) -> list[Stage]:
    """The stages from the first to the last, in order, without those named."""
    names = [stage.name for stage in STAGES]
    between = STAGES[names.index(first) : len(names) - names[::-1].index(last)]
    return [stage for stage in between if stage.name not in without]


def steering(chosen: Steering) -> list[Stage]:
    """The stage that changes models, as asked."""
    (stage,) = (stage for stage in STAGES if stage.name == "steer")
    return [replace(stage, tasks=partial(steer.tasks_of, steering=chosen))]


def writing(chosen: Steering, texts: Writing) -> list[Stage]:
    """The stage that lets changed models write."""
    tables = ("steering_runs", "residual_norms", "steered_texts")
    return [Stage("steer", ("prompts", "activations"), tables, partial(write.tasks_of, steering=chosen, writing=texts), 60)]


def patching(chosen: Patching) -> list[Stage]:
    """The stage that carries states between texts, as asked."""
    (stage,) = (stage for stage in STAGES if stage.name == "patch")
    return [replace(stage, tasks=partial(patch.tasks_of, chosen=[chosen]))]


def refuse_other_roles(store: Store, datasets: Collection[str], on: Collection[str]) -> None:
    """UsageError where directions would be made of a test set, or tried on a train set."""
    for option, names, role in (("--dataset", datasets, "train"), ("--on", on, "test")):
        for name in names:
            version = newest_version(store, name, option)
            if version.role != role:
                article = "a test set never makes a vector" if role == "train" else "directions are tried on a test set"
                fitting = [known for known in known_datasets(store) if newest_version(store, known).role == role]
                raise UsageError(
                    f"{option}: {name} has role {version.role}: {article}", hint=f"{option} {fitting[0]}" if fitting else None
                )


def job_with_models(
    store: Store,
    settings: Settings,
    listener: Listener,
    *,
    controls: Sequence[str] = (),
    forced: Collection[str] = (),
    write: bool = True,
) -> Job:
    """A job over every dataset and model asked for, in the store or not, and these kinds of controls beside them.

    `write` imports shipped datasets into the store.
    """
    asked = find_sources(store, settings, settings.model or tuple(EMBEDDED), listener)
    sources = with_controls(asked, controls)
    refuse_taken_names(store, sources.values())
    templates = {name: template_of(settings, source, listener) for name, source in sources.items()}
    version_of = ensure_imported if write else newest_version
    versions = [version_of(store, dataset) for dataset in settings.dataset or known_datasets(store)]
    extractions = [
        planned_extraction(settings, version, source, templates[name]) for version in versions for name, source in sources.items()
    ]
    refuse_layers_beyond(store, settings, [extraction for extraction in extractions if extraction.control is None])
    return Job(store, settings, with_reference(store, settings, extractions, listener.note), listener, sources, forced)


def job_in_store(
    store: Store, settings: Settings, listener: Listener, *, forced: Collection[str] = (), vectors_suffice: bool = False
) -> Job:
    """A job over what was extracted before; finds and loads no model.

    Extractions of which only vectors were imported are left out, unless those suffice; MissingError when no other is there.
    """
    refuse_unknown_names(store, settings)
    extractions = extractions_in_store(store, settings)
    refuse_unknown_settings(store, settings, [extraction for extraction in extractions if extraction.role == "train"])
    if settings.sources.get("layer") == "--layer":
        of_models = [extraction for extraction in extractions if extraction.control is None]
        refuse_unknown_layers(store, settings, of_models or extractions)
    if not vectors_suffice:
        extractions = with_activations(extractions, listener.note)
    extractions = with_reference(store, settings, extractions, listener.note)
    return Job(store, settings, with_emotions(store, settings, extractions, listener.note), listener, forced=forced)


def job_on_prompts(store: Store, settings: Settings, listener: Listener, *, forced: Collection[str] = ()) -> Job:
    """A job over the newest version of each dataset asked for, under the models that were named, if any."""
    sources = find_sources(store, settings, settings.model, listener)
    versions = [ensure_imported(store, dataset) for dataset in settings.dataset or known_datasets(store)]
    extractions = [Extraction(version.dataset, version.role, version.prompts_sha256, "", "") for version in versions]
    return Job(store, settings, extractions, listener, sources, forced)


DEFAULT_DATASET = "extended"
"""The set whose directions are used where a command needs one."""


def job_with_model(store: Store, settings: Settings, listener: Listener, *, forced: Collection[str] = ()) -> Job:
    """A job over one extraction in the store, whose model is found and will be read as that extraction was.

    UsageError where more than one model is meant, or its weights have changed; MissingError where nothing was extracted.
    """
    if len(settings.dataset) > 1 or len(settings.model) > 1:
        option, values = ("--dataset", settings.dataset) if len(settings.dataset) > 1 else ("--model", settings.model)
        raise UsageError(f"{option}: one is needed, and {len(values)} are given", hint=f"{option} {values[0]}")
    job = job_in_store(store, replace(settings, dataset=settings.dataset or (DEFAULT_DATASET,)), listener, forced=forced)
    models = sorted({extraction.model for extraction in job.extractions if extraction.control is None})
    if not settings.model and len(models) > 1:
        raise UsageError(f"--model: one is needed, and the store has {', '.join(models)}", hint=f"-m {models[0]}")
    extraction = next(extraction for extraction in job.extractions if settings.model or extraction.model == models[0])
    sources = find_sources(store, settings, settings.model or (extraction.model,), listener)
    (source,) = sources.values()
    refuse_other_weights(store, extraction, source)
    (made_with,) = extraction.partition(store, "extractions").read(list(MADE_WITH)).to_pylist()
    known = {name: value for name, value in made_with.items() if value is not None}
    return replace(job, settings=replace(job.settings, **known), extractions=[extraction], sources={extraction.model: source})


def score_stages(
    scoring: Scoring, layers: Mapping[str, int], test: Version | None = None, *, chosen: bool = False
) -> list[Stage]:
    """The stages that calibrate scores at the layers of some emotions and, with a test set, score it and measure the scores.

    `chosen` says that somebody chose the layer, which the figure's name then says, too.
    """
    numbers = sorted({*layers.values()})
    made = [Stage("score", ("activations", "prompts"), ("token_scores",), lambda job: [score.calibration(job, scoring, numbers)])]
    if test:
        tasks: list[Callable[[Job], Task]] = [
            lambda job: score.scores(job, scoring, test, numbers),
            lambda job: score.statistics(job, scoring, test, numbers),
            lambda job: score.figure(job, scoring, test, layers, chosen=chosen),
        ]
        made += [Stage("score", (), (), lambda job, task=task: [task(job)]) for task in tasks]
    return made


def lens_stages(scoring: Scoring) -> list[Stage]:
    """The stages that take directions through the head."""
    reads = ("activations", "prompts")
    return [
        Stage("lens", reads, ("lens_statistics",), lambda job: [lens.statistics(job, scoring)]),
        Stage("lens", reads, ("lens_tokens",), lambda job: [lens.tokens(job, scoring)]),
    ]


def heads_stages(scoring: Scoring, layers: Mapping[str, int], test: Version, *, chosen: bool) -> list[Stage]:
    """The stages that split the states of a test set's texts into their parts, at the layers of some emotions."""
    numbers = sorted({*layers.values()})
    return [
        Stage(
            "heads",
            ("activations", "prompts"),
            ("component_statistics",),
            lambda job: [heads.statistics(job, scoring, test, numbers)],
        ),
        Stage(
            "heads",
            ("component_statistics",),
            ("figures",),
            lambda job: [heads.figure(job, scoring, test, layers, chosen=chosen)],
        ),
    ]


def refuse_controls_alone(job: Job) -> None:
    """UsageError where only controls are asked for: figures, report and record are of models."""
    if job.controls and not job.with_vectors:
        names = ", ".join(sorted({extraction.model for extraction in job.controls}))
        raise UsageError(
            f"--model: {names}: a control has no figures and no report of its own", hint=f"emo vectors -m {quote(names)}"
        )


def token_counts(job: Job) -> list[dict[str, Any]]:
    """Tokens of each label's prompts under each of the job's models."""
    return [row for model in job.sources for extraction in job.extractions for row in tokens_by_label(job, extraction, model)]


def plan(job: Job, stages: Sequence[Stage]) -> list[Step]:
    """Each task of the wanted stages and why it must be done, with the consequences of those before it; changes nothing."""
    _refuse_uncompared(job, stages)
    return [step for _, step in _planned(job, stages)]


def _planned(job: Job, stages: Sequence[Stage]) -> Iterator[tuple[Stage, Step]]:
    stale: set[Path] = set()
    for stage in stages:
        for task in stage.tasks(job):
            reason = task.reason or (FORCED if job.forces(task.stage) else "")
            if not reason and stale & set(task.reads):
                reason = "an input will change"
            if reason:
                stale.add(task.writes)
            yield stage, Step(task.stage, task.subject, reason)


def _expected_seconds(job: Job, stages: Sequence[Stage]) -> list[float]:
    """Seconds of each task that is planned now; a stage that needs what one before it will make ends the list."""
    seconds: list[float] = []
    # an error of the plan may be mended by the stages before: what is asked for is extracted only then
    with suppress(EmoError):
        seconds.extend(stage.seconds for stage, step in _planned(job, stages) if step.reason)
    return seconds


def _refuse_uncompared(job: Job, stages: Sequence[Stage]) -> None:
    """UsageError before anything is done, where a stage would compare or show what the method does not give."""
    if any(stage.name not in MAKES_ONLY for stage in stages):
        refuse_uncompared(job.settings)


def run(job: Job, stages: Sequence[Stage], finished: Callable[[Task], None] = lambda task: None) -> Outcome:
    """Finish what killed commands left, then do what is stale, stage by stage: what is so is decided after the stages before.

    `finished` is called after each task.
    """
    _refuse_uncompared(job, stages)
    job.store.finish()
    done: list[Task] = []
    left: list[Task] = []
    expected = _expected_seconds(job, stages) if len(stages) > 1 else []
    with workers.Workers() as processes, job.listener.whole(len(expected), sum(expected)) as advance:
        for stage in stages:
            started = time.monotonic()
            tasks = stage.tasks(job)
            stale = [task for task in tasks if task.reason or job.forces(task.stage)]
            left += [task for task in tasks if task not in stale]
            for task in _each_done(job, stage, stale, processes):
                done.append(task)
                advance(1, stage.seconds)
                finished(task)
            if stage.name == "extract":
                job.unload()
            if stale:
                job.listener.note(f"{_named(stage)}: {counted(len(stale), 'task')} in {time.monotonic() - started:.1f} s")
    return Outcome(done, left)


def _each_done(job: Job, stage: Stage, tasks: Sequence[Task], processes: workers.Workers) -> Iterator[Task]:
    """Do tasks of a stage, in processes of their own where that is worth it; each when it is done."""
    if stage.apart and workers.are_worth_it(job, tasks):
        for task, notes in processes.do(job, STAGES.index(stage), tasks):
            for note in [f"{task.stage}: {task.subject} ({task.reason or FORCED})", *notes]:
                job.listener.note(note)
            yield task
        return
    for task in tasks:
        job.listener.note(f"{task.stage}: {task.subject} ({task.reason or FORCED})")
        task.run(job)
        yield task


def _named(stage: Stage) -> str:
    """The name of a stage, with what it writes where several have one name."""
    alike = [other for other in STAGES if other.name == stage.name]
    return stage.name if len(alike) == 1 else f"{stage.name} ({', '.join(stage.writes)})"
