"""`emo lens`: do directions point to their labels' words?"""

from typing import Annotated, Any

import typer

from emotion_cli.cli.options import Start, takes
from emotion_cli.cli.output import write_sentences
from emotion_cli.errors import UsageError

BEST = "best"

Layer = Annotated[
    str,
    typer.Option("--layer", help="Layer number, or best: where each emotion's AUROC is best in training.", metavar="best|N"),
]
LEGEND = (
    "own_words: what a direction of length 1 adds to the scores of its words, minus what it adds to those of other labels.",
    "layer NULL: the mean over layers. q corrects p for layers, emotions, references and models. verdict: whether q < 0.05.",
    "Nearest tokens, which permuted labels have, too (no test of them; <0xE2> is a byte that is no character alone):",
)

Force = Annotated[bool, typer.Option("--force", help="Redo the work even if it is up to date.")]


@takes(
    *("dataset", "model", "name", "extraction", "emotion", "pooling", "words", "reference", "neutral", "recipe", "device"),
    *("seed", "draws", "trust_remote_code", "cache", "store", "format", "columns", "everything", "quiet", "verbose"),
    needs_store="yes",
    dataset=typer.Option(None, "--dataset", "-d", help="Prompt set whose directions are used; extended if not given."),
    model=typer.Option(None, "--model", "-m", help="Model with its head: Hub id, folder, .gguf file or alias."),
    words=typer.Option(None, "--words", help="TOML file with the words of each label; the list that ships if not given."),
)
def lens(start: Start, layer: Layer = BEST, force: Force = False) -> None:
    """Score tokens by directions: a label's own words against the other labels', beside permuted labels; list the nearest."""
    number = number_of(layer)
    from emotion_cli import pipeline
    from emotion_cli.job.scoring import chosen_layers, scoring_of
    from warehouse.catalog import Catalog

    job = pipeline.job_with_model(start.store, start.settings, start.console, forced={"lens"} if force else ())
    scoring = scoring_of(job)
    layers = chosen_layers(job, scoring, number)
    pipeline.run(job, pipeline.lens_stages(scoring))
    rows = Catalog(start.store).dicts(
        "own_words_by_layer",
        extraction_id=[scoring.extraction.extraction_id],
        pooling=[scoring.pooling],
        reference=list(scoring.references),
        emotion=list(layers),
    )
    shown = [row for row in rows if row["layer"] in (None, layers[row["emotion"]])]
    shown.sort(key=lambda row: (row["emotion"], row["reference"] != scoring.neutral, row["layer"] is not None))
    start.rows.write_records([_record(row) for row in shown], _COLUMNS, KEYS)
    if start.rows.for_people and not start.rows.columns:
        write_sentences(["", *LEGEND])
        write_sentences(
            f"{row['emotion']}, reference {row['reference']}, layer {row['layer']}: {_one_line(row['nearest_tokens'])}"
            for row in shown
            if row["layer"] is not None
        )


def number_of(layer: str) -> int | None:
    """The number of a layer; None for the best one. UsageError for anything else."""
    if layer == BEST:
        return None
    if not layer.isdecimal():
        raise UsageError(f"--layer {layer}: neither a layer's number nor `best`", hint="--layer best")
    return int(layer)


def as_option(number: int | None) -> str:
    """A chosen layer as the option of `emo sql`; nothing for the best one, which differs by emotion."""
    return "" if number is None else f" --layer {number}"


def _one_line(tokens: str | None) -> str:
    return (tokens or "none, the direction is zero").replace("\n", "\u240a").replace("\r", "\u240d").replace("\t", "\u2409")


KEYS = ("emotion", "reference", "layer")
_COLUMNS = (*KEYS, "own_words", "null_mean", "null_high", "p_value", "q_value", "n", "verdict")


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _COLUMNS}
