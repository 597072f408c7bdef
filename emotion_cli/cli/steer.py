"""`emo steer`: what a direction does to a model."""

from pathlib import Path
from typing import Annotated

import typer

from emotion_cli.cli.options import MODEL_TO_RUN, DryRun, Force, Start, takes
from emotion_cli.errors import UsageError
from emotion_cli.job.steering import ALPHAS, BEST, CONTROLS_A_TEST, NORM, TOKENS, VECTOR, Steering, Writing
from emotion_cli.settings import as_options
from emotion_cli.suggestions import unknown
from emotion_cli.wording import counted

OPTIONS = (
    *("dataset", "model", "name", "pooling", "reference", "neutral", "over_layers", "revision", "device", "dtype", "bos"),
    *("attention", "max_length", "truncate", "chat_template", "trust_remote_code", "seed", "draws", "cache", "store"),
    *("format", "everything", "quiet", "verbose"),
)

DEFAULT_ALPHAS = ",".join(f"{value:g}" for value in ALPHAS)

POSITIONS = ("all", "prompt", "last", "continuation")

LEAST_CONTROLS = 39
"""Of so many permuted directions, one alone lies beyond the 97.5 % quantile."""

OF_A_PREFIX = ("prompt", "last")
"""Positions that are in what stands before a text."""

PREDICTED = (
    *("dataset", "model", "test_dataset", "control", "reference", "emotion", "layer", "response", "null_high", "gaussian_high"),
    *("response_own", "z", "p_value", "q_value", "verdict"),
)
VERDICTS = (
    *("dataset", "model", "test_dataset", "reference", "emotion", "layer", "alpha", "effect", "ci_low", "ci_high", "null_high"),
    *("q_value", "effect_own", "damage_kl", "linearity", "verdict"),
)
WRITTEN = ("dataset", "model", "reference", "emotion", "direction", "alpha", "sample", "nll_base", "distinct_pairs", "text")
"""Columns that are printed."""

SHOWN = {
    "predictions": ("steering_predictions_by_emotion", PREDICTED, "steering_effects_by_alpha"),
    "verdicts": ("steering_verdicts_by_emotion", VERDICTS, "steering_effects_by_alpha"),
    "texts": ("steered_texts_by_alpha", WRITTEN, "steered_texts_by_alpha"),
}
"""The query, the columns that are printed, and where to go on."""

On = Annotated[list[str] | None, typer.Option("--on", help="Test set whose texts are read, repeatable; heldout if not given.")]
LayerOption = Annotated[
    str,
    typer.Option(
        "--layer",
        metavar="LAYERS",
        help=f"Where to add: best, the highest AUROC in training; all; or layers such as 8,12-16. Default: {BEST}.",
    ),
]
Alpha = Annotated[
    str,
    typer.Option("--alpha", metavar="NUMBERS", help=f"How much to add, in multiples of --unit. Default: {DEFAULT_ALPHAS}."),
]
Unit = Annotated[
    str,
    typer.Option(
        "--unit",
        help=f"What alpha multiplies: norm, the mean length of a layer's states, or vector, its own length. Default: {NORM}.",
    ),
]
Positions = Annotated[
    str,
    typer.Option("--positions", help=f"Which tokens change, never the first: {', '.join(POSITIONS)}. Default: {POSITIONS[0]}."),
]
Prefix = Annotated[str | None, typer.Option("--prefix", metavar="TEXT|FILE", help="What stands before each text.")]
Controls = Annotated[
    int | None,
    typer.Option(
        "--controls",
        min=LEAST_CONTROLS,
        metavar="N",
        help=f"Directions of permuted labels that are added, too. Default: {CONTROLS_A_TEST} for each effect that is tested.",
    ),
]
Write = Annotated[
    int | None,
    typer.Option("--write", metavar="N", min=1, help="Write N texts behind --prefix under each direction and alpha; no test."),
]
Tokens = Annotated[int, typer.Option("--tokens", min=1, help="Tokens of a written text at most.")]
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", metavar="NUMBER", help="Draw tokens at this temperature; the likeliest is taken if not given."),
]
Screen = Annotated[bool, typer.Option("--screen", help="Predict effects to first order, at every layer, and add nothing.")]


@takes(*OPTIONS, model=MODEL_TO_RUN)
def steer(
    start: Start,
    on: On = None,
    layer: LayerOption = BEST,
    alpha: Alpha = DEFAULT_ALPHAS,
    unit: Unit = NORM,
    positions: Positions = POSITIONS[0],
    prefix: Prefix = None,
    controls: Controls = None,
    screen: Screen = False,
    write: Write = None,
    tokens: Tokens = TOKENS,
    temperature: Temperature = None,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Add directions to a model, and compare what they do to texts with what directions of permuted labels do."""
    from dataclasses import replace

    from emotion_cli import pipeline
    from warehouse.catalog import Catalog
    from warehouse.library import queries

    settings, console, store, rows = start.settings, start.console, start.store, start.rows
    chosen = Steering(
        layer,
        _alphas(alpha),
        _one_of("--unit", unit, (NORM, VECTOR)),
        _positions(positions, prefix),
        _prefix(prefix),
        controls=controls,
        finite=not screen,
    )
    writing = _writing(write, tokens, temperature, chosen, on)
    datasets = settings.dataset or ("extended",)
    tests = tuple(on or ("heldout",)) if writing is None else ()
    pipeline.refuse_other_roles(store, datasets, tests)
    filters = as_options(settings, ("dataset", "model"))
    settings = replace(settings, dataset=(*datasets, *tests))
    job = pipeline.job_with_models(store, settings, console, forced={"steer"} if force else (), write=not dry_run)
    stages = pipeline.steering(chosen) if writing is None else pipeline.writing(chosen, writing)
    if dry_run:
        rows.write_records([step.row() for step in pipeline.plan(job, stages)])
        return
    outcome = pipeline.run(job, stages)
    catalog, ids = Catalog(store), [task.writes.name.partition("=")[2] for task in outcome.tasks]
    shown = "predictions" if screen else "verdicts" if writing is None else "texts"
    query, columns, see = SHOWN[shown]
    rows.write(catalog.select(query, columns, run_id=ids), queries()[query].grain)
    console.note(f"{counted(len(outcome.done), 'run')} done, {len(outcome.left)} up to date; see: emo sql {see}{filters}")


def _writing(n: int | None, tokens: int, temperature: float | None, chosen: Steering, on: list[str] | None) -> Writing | None:
    """What is to be written; None where texts are read, UsageError where options do not go together."""
    if n is None:
        if temperature is not None:
            raise UsageError("--temperature: nothing is written", hint="--write 3 --prefix TEXT --temperature 0.8")
        return None
    if chosen.prefix is None:
        raise UsageError("--write: nothing stands before what is written", hint=f"--write {n} --prefix 'Today I'")
    if on or not chosen.finite:
        option = "--on" if on else "--screen"
        raise UsageError(f"{option}: written texts test nothing", hint=f"a run of its own with {option}, without --write")
    if temperature is not None and not 0 < temperature < 10:
        raise UsageError(f"--temperature: {temperature:g} is not between 0 and 10", hint="--temperature 0.8")
    if n > 1 and temperature is None:
        raise UsageError(f"--write {n}: without a temperature all would be the same text", hint=f"--write {n} --temperature 0.8")
    return Writing(n, tokens, temperature)


def _alphas(text: str) -> tuple[float, ...]:
    try:
        alphas = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        alphas = ()
    if not alphas or not all(0 < alpha < 100 for alpha in alphas):
        raise UsageError(f"--alpha: {text!r} is no list of numbers between 0 and 100", hint="--alpha 0.05,0.1,0.2")
    return alphas


def _one_of(option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise unknown(option, value, known)
    return value


def _positions(positions: str, prefix: str | None) -> str:
    if positions in OF_A_PREFIX and prefix is None:
        raise UsageError(
            f"--positions {positions}: nothing stands before the texts", hint=f"--positions {positions} --prefix TEXT"
        )
    return _one_of("--positions", positions, POSITIONS)


def _prefix(given: str | None) -> str | None:
    """The text before each text, or that of a file; UsageError for an empty one."""
    if given is None:
        return None
    path = Path(given)
    text = path.read_text(encoding="utf-8").rstrip("\n") if len(given) < 256 and path.is_file() else given
    if not text.strip():
        raise UsageError("--prefix: it holds no text", hint="--prefix 'Dear all,'")
    return text
