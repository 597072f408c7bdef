"""`emo show`: what was found in each model, on one screen."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

from emotion_cli.cli.completion import SUGGESTIONS
from emotion_cli.cli.layout import wrapped
from emotion_cli.cli.options import ROWS, Start, takes
from emotion_cli.cli.output import Format, write_lines
from emotion_cli.cli.spark import BLOCKS, SIGNS, sparkline
from emotion_cli.errors import MissingError
from emotion_cli.settings import Settings, as_options
from emotion_cli.suggestions import unknown

if TYPE_CHECKING:
    from warehouse.catalog import Catalog

FOUND = """
with newest as (
    select dataset, model, arg_max(extraction_id, created_at) as extraction_id
    from extractions
    where extraction_id in (select extraction_id from best_layers_by_emotion)
    group by all
),

best as (
    select best_layers_by_emotion.*
    from best_layers_by_emotion
    inner join newest using (extraction_id)
    where control is null
),

measured as (
    select distinct
        extraction_id, dataset, model, method, reference, pooling, emotion, layer, cast(null as varchar) as test_set,
        auroc, cast(null as double) as ci_low, cast(null as double) as ci_high, auroc_words as tfidf, max_null_high as chance
    from best
    union all
    select
        extraction_id, dataset, model, method, reference, pooling, emotion, layer, test_set,
        heldout_auroc, heldout_ci_low, heldout_ci_high, heldout_words, heldout_null_high
    from best
    where test_set is not null
),

curves as (
    select
        extraction_id, method, reference, pooling, emotion, test_set,
        min(layer) as first_layer, max(layer) as last_layer, list(auroc order by layer) as auroc_by_layer
    from more_than_words_by_layer
    where layer is not null
    group by all
)

select
    measured.model,
    measured.dataset,
    measured.method,
    measured.reference,
    measured.pooling,
    measured.emotion,
    measured.layer,
    measured.test_set,
    measured.auroc,
    measured.ci_low,
    measured.ci_high,
    coalesce(greatest(beside.tfidf, beside.random_words, beside.embeddings), measured.tfidf) as words,
    measured.chance,
    case
        when measured.auroc is null or measured.chance is null then 'not known'
        when measured.auroc <= measured.chance then 'not above chance'
        when beside.more_than_words then 'more than words'
        else 'above chance'
    end as verdict,
    curves.first_layer,
    curves.last_layer,
    curves.auroc_by_layer
from measured
left join more_than_words_by_layer as beside
    on
        measured.extraction_id = beside.extraction_id
        and measured.method = beside.method
        and measured.reference = beside.reference
        and measured.pooling = beside.pooling
        and measured.emotion = beside.emotion
        and measured.layer = beside.layer
        and measured.test_set is not distinct from beside.test_set
left join curves
    on
        measured.extraction_id = curves.extraction_id
        and measured.method = curves.method
        and measured.reference = curves.reference
        and measured.pooling = curves.pooling
        and measured.emotion = curves.emotion
        and measured.test_set is not distinct from curves.test_set
order by measured.model, measured.dataset, measured.emotion, measured.test_set nulls first
"""
"""The best layers of the report, beside words, and each curve over layers; a row with test_set NULL is on folds of training."""

VARIANT = {"method": "mean_difference", "reference": "neutral", "pooling": "last"}
"""What is shown of several ways of making directions, where none is asked for."""

CHANCE, BEST = 0.5, 1.0
"""The AUROC of the lowest and of the highest sign of a curve."""

MODEL_AND_SET = itemgetter("model", "dataset")
FOLDS = "training folds"
NUMBERS = "  AUROC  words  chance"
"""The heads of the numbers, each as wide as its numbers."""

LONGEST_VERDICT = "not above chance"

NARROW = 72
"""In a narrower terminal, curve and verdict stand below the numbers."""


@takes(
    *("dataset", "model", "emotion", "pooling", "method", "reference", "store"),
    *ROWS,
    "quiet",
    needs_store="yes",
    model=typer.Argument(
        None,
        help="Models to show; all in the store if none is given.",
        show_default=False,
        autocompletion=SUGGESTIONS["model"],
    ),
)
def show(start: Start) -> None:
    """Show what was found in a model: per emotion the best layer, and AUROC there beside words and chance.

    The layer is the one that separates the emotion best in training. Test sets took no part in choosing it. Without -d, the
    training set with the most prompts is shown.
    """
    from warehouse.catalog import Catalog

    rows = _asked(start, start.settings, Catalog(start.store))
    if start.rows.format is not Format.table or start.rows.output or start.rows.columns:
        import pyarrow as pa

        start.rows.write(pa.Table.from_pylist(rows))
        return
    for i, (_, of_model) in enumerate(groupby(rows, key=MODEL_AND_SET)):
        write_lines([*([""] if i else []), *screen_of(list(of_model), _width(), BLOCKS if _has_blocks() else SIGNS)])
    filters = as_options(start.settings, ("dataset", "model", "emotion"))
    for line in _legend(rows, _width(), filters):
        start.console.note(line)


def _asked(start: Start, settings: Settings, catalog: "Catalog") -> list[dict[str, Any]]:
    """The rows asked for; errors for what is unknown, and where nothing was measured."""
    from emotion_cli.job.known import names_of, refuse_unknown_filters

    refuse_unknown_filters(start.store, settings)
    names = names_of(start.store, settings)
    rows = [row for row in catalog.rows(FOUND).to_pylist() if not names or row["model"] in names]
    if not rows:
        raise MissingError(
            "no direction was measured yet", hint=f"emo vectors --best{as_options(settings, ('dataset', 'model'))}"
        )
    known = sorted({row["dataset"] for row in rows})
    for dataset in settings.dataset:
        if dataset not in known:
            raise MissingError(
                f"--dataset: no direction of {dataset} was measured; a test set has none", hint=f"emo show -d {quote(known[0])}"
            )
    datasets = settings.dataset or _largest(catalog, known)
    rows = [row for row in rows if row["dataset"] in datasets]
    rows = [row for key, same in groupby(rows, key=MODEL_AND_SET) for row in _of_variant(settings, list(same))]
    emotions = sorted({row["emotion"] for row in rows})
    for emotion in settings.emotion:
        if emotion not in emotions:
            raise unknown("--emotion", emotion, emotions, hint=f"--emotion {emotions[0]}")
    return [row for row in rows if not settings.emotion or row["emotion"] in settings.emotion]


def _largest(catalog: "Catalog", datasets: Sequence[str]) -> list[str]:
    """The dataset with the most prompts, the first by name of several."""
    counts = catalog.rows("select dataset, count(*) as n from prompts group by all").to_pylist()
    sizes = {count["dataset"]: count["n"] for count in counts}
    return [min(datasets, key=lambda dataset: (-sizes.get(dataset, 0), dataset))]


def _of_variant(settings: Settings, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the variant asked for; where none is, of the usual one, or of the first where that was not measured."""
    for name, usual in VARIANT.items():
        known = sorted({row[name] for row in rows})
        given = getattr(settings, name) if name in settings.sources else ()
        chosen = [given] if isinstance(given, str) else list(given)
        for value in chosen:
            if value not in known:
                raise unknown(f"--{name}", value, known, hint=f"--{name} {known[0]}")
        chosen = chosen or [usual if usual in known else known[0]]
        rows = [row for row in rows if row[name] in chosen]
    return rows


def screen_of(rows: Sequence[Mapping[str, Any]], width: int, blocks: str) -> list[str]:
    """The lines of one model and dataset."""
    made = "{method}, reference {reference}, pooling {pooling}".format(**rows[0])
    left, is_narrow, room = _columns(rows, width)
    head = f"{'':{left + 2}}{NUMBERS}"
    padded = _curve_width(rows, room)
    lines = [*wrapped(f"{rows[0]['model']}, directions of {rows[0]['dataset']} ({made})", width), ""]
    lines.append(head if is_narrow else f"{head}  {'over layers':{padded}}  verdict")
    for (emotion, layer), of_emotion in groupby(rows, key=lambda row: (row["emotion"], row["layer"])):
        lines.append(f"{emotion}, best layer in training: {layer}")
        for row in of_emotion:
            auroc, words, chance = (_number(row[name]) for name in ("auroc", "words", "chance"))
            numbers = f"  {row['test_set'] or FOLDS:{left}}  {auroc:>5}  {words:>5}  {chance:>6}"
            curve = sparkline(row["auroc_by_layer"] or (), CHANCE, BEST, room, blocks=blocks)
            below = [numbers, f"    {row['verdict']}", f"    {curve}".rstrip()]
            lines += below if is_narrow else [f"{numbers}  {curve:{padded}}  {row['verdict']}"]
    return lines


def _columns(rows: Sequence[Mapping[str, Any]], width: int) -> tuple[int, bool, int]:
    """The width of the names of test sets, whether curves stand below the numbers, and the width that curves have."""
    left, is_narrow = max(len(row["test_set"] or FOLDS) for row in rows), width < NARROW
    return left, is_narrow, width - 4 if is_narrow else width - left - 2 - len(f"{NUMBERS}    {LONGEST_VERDICT}")


def _curve_width(rows: Sequence[Mapping[str, Any]], room: int) -> int:
    return max(min(_longest(rows), room), len("over layers"))


def _longest(rows: Sequence[Mapping[str, Any]]) -> int:
    return max((len(row["auroc_by_layer"] or ()) for row in rows), default=0)


def _legend(rows: Sequence[Mapping[str, Any]], width: int, filters: str) -> list[str]:
    firsts = {row["first_layer"] for row in rows} - {None}
    lasts = {row["last_layer"] for row in rows} - {None}
    span = f"layers {min(firsts)} to {max(lasts)}, " if len(firsts) == len(lasts) == 1 else "all layers, "
    at_once = -(-_longest(rows) // _columns(rows, width)[2])
    merged = f"a sign is the best of up to {at_once} layers; " if at_once > 1 else ""
    return [
        f"over layers: {span}{merged}from AUROC 0.5 (lowest) to 1 (highest); words: the best of three controls of words alone",
        f"above chance: not shown to be more than words; see: emo report, emo sql more_than_words_by_layer{filters}",
    ]


def _number(value: float | None) -> str:
    return "NULL" if value is None else f"{value:.3f}"


def _width() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def _has_blocks() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
