"""`emo score`: how emotional any text is, and which emotion it holds, token by token."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from emotion_cli.cli.lens import BEST, Layer, as_option, number_of
from emotion_cli.cli.options import Start, takes
from emotion_cli.cli.output import ENDINGS, Format, in_room, refuse_there, write_file, write_lines, write_rows
from emotion_cli.errors import UsageError
from emotion_cli.settings import as_options
from emotion_cli.wording import counted

if TYPE_CHECKING:
    from emotion_cli.job.job import Job
    from emotion_cli.job.scoring import Scoring
    from emotion_cli.reporting.scores.card import About, Card, EmotionScore

ARGUMENT = "text"
"""The id of a text that is an argument."""

SHOWN_LINES = 5
"""Lines without a text that a note names."""


class ScoreFormat(StrEnum):
    """How scored texts are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    html = "html"


Text = Annotated[str | None, typer.Argument(help="The text, as one argument.", show_default=False)]
File = Annotated[
    str | None,
    typer.Option(
        "--file", metavar="FILE", help="A text a line, or JSON lines with `text` and `id`; - is stdin.", show_default=False
    ),
]
On = Annotated[
    str | None,
    typer.Option("--on", metavar="DATASET", help="Score a test set, and measure what its scores tell apart.", show_default=False),
]
As = Annotated[ScoreFormat | None, typer.Option("--format", "-f", help="How scores are written; a table if not given.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file.", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--force", help="Let --output overwrite a file; with --on, score again.")]


@takes(
    *("dataset", "model", "name", "extraction", "emotion", "pooling", "reference", "neutral", "recipe", "device", "batch_tokens"),
    *("seed", "draws", "trust_remote_code", "cache", "store", "quiet", "verbose"),
    needs_store="yes",
    dataset=typer.Option(None, "--dataset", "-d", help="Prompt set whose directions are used; extended if not given."),
    model=typer.Option(None, "--model", "-m", help="Model that reads the text: Hub id, folder, .gguf file or alias."),
    emotion=typer.Option(None, "--emotion", "-e", help="Emotion to score, repeatable; all if not given."),
    reference=typer.Option(
        None,
        "--reference",
        help="What marks words and chooses the layer: neutral (is it emotional?), or others (which is it?). "
        "If not given, others marks them and neutral chooses.",
    ),
)
def score(
    start: Start,
    text: Text = None,
    file: File = None,
    on: On = None,
    layer: Layer = BEST,
    format: As = None,
    output: Output = None,
    force: Overwrite = False,
) -> None:
    """Score the tokens of any text: coloured where they lie outside of what neutral training tokens have.

    Texts that you give are shown, never stored. With --on, the scores of a test set and AUROC by place are stored.
    """
    given = [name for name, value in (("TEXT", text), ("--file", file), ("--on", on)) if value is not None]
    if len(given) != 1:
        problem = f"{' and '.join(given)} exclude each other" if given else "nothing to score"
        raise UsageError(problem, hint=_example(start))
    if text is not None and not text.strip():
        raise UsageError("TEXT is empty", hint=_example(start))
    number = number_of(layer)
    chosen = _format(format, output)
    if output is not None:
        refuse_there(output, force=force)
    if on is not None:
        _on(start, on, number, chosen, output, force=force)
        return
    texts = _named(start, text, file)
    from emotion_cli import pipeline
    from emotion_cli.job.score_cards import cards
    from emotion_cli.job.scoring import chosen_layers, ruler, scoring_of

    job = pipeline.job_with_model(start.store, start.settings, start.console)
    scoring = scoring_of(job)
    layers = chosen_layers(job, scoring, number)
    pipeline.run(job, pipeline.score_stages(scoring, layers))
    rulers = {member: ruler(job, scoring, member) for member in sorted({*layers.values()})}
    made = cards(job, scoring, rulers, layers, texts)
    WRITERS[chosen](start, _about(job, scoring), made, output)


def _chosen(start: Start) -> str:
    return as_options(start.settings, ("dataset", "model", "emotion"))


def _example(start: Start) -> str:
    return f'emo score{_chosen(start) or " -m smollm2-135m"} "Thank you so much!"'


def _format(format: ScoreFormat | None, output: Path | None) -> ScoreFormat:
    if output is None:
        return format or ScoreFormat.table
    endings = {".html": ScoreFormat.html, ".txt": ScoreFormat.table} | {
        ending: ScoreFormat(member) for ending, member in ENDINGS.items() if member in (Format.csv, Format.json, Format.jsonl)
    }
    meant = endings.get(output.suffix.lower())
    if meant is None or format not in (None, meant):
        problem = f"unknown ending {output.suffix!r}" if meant is None else f"the ending means {meant}, but --format is {format}"
        raise UsageError(f"--output {output}: {problem}", hint=f"endings are {', '.join(endings)}")
    return meant


def _named(start: Start, text: str | None, file: str | None) -> list[tuple[str, str, str]]:
    """Each text with its id, and what an error calls it."""
    if text is not None:
        return [(ARGUMENT, text, "the text")]
    from emotion_cli.exchange.texts import STDIN, read_texts

    path = str(file)
    read = read_texts(path)
    if read.empty:
        shown = ", ".join(map(str, read.empty[:SHOWN_LINES])) + (" ..." if len(read.empty) > SHOWN_LINES else "")
        whole = '"$(cat)"' if path == STDIN else f'"$(cat {quote(path)})"'
        start.console.note(
            f"{counted(len(read.empty), 'line')} without text left out ({shown}); each other line is a text of its own, "
            f"and a whole file is one as an argument: emo score{_chosen(start)} {whole}"
        )
    name = "stdin" if path == STDIN else path
    return [(member.text_id, member.text, f"{name}, line {member.line}") for member in read.texts]


def _on(start: Start, on: str, number: int | None, chosen: ScoreFormat, output: Path | None, *, force: bool) -> None:
    """Score a test set; print AUROC by place and how many texts are flagged, and the path of the figure."""
    if chosen is ScoreFormat.html:
        raise UsageError("--format html shows texts; a set has a figure, whose path is printed", hint="--format table")
    from emotion_cli import pipeline
    from emotion_cli.job.datasets import ensure_imported
    from emotion_cli.job.scoring import chosen_layers, scoring_of
    from emotion_cli.stages.score import figure_folder, flags, rows_by_place

    test = ensure_imported(start.store, on, "--on")
    if test.role != "test":
        raise UsageError(f"--on {on}: it is a training set; only a test set says how scores do on new texts", hint="--on heldout")
    job = pipeline.job_with_model(start.store, start.settings, start.console, forced={"score"} if force else ())
    scoring = scoring_of(job)
    layers = chosen_layers(job, scoring, number)
    pipeline.run(job, pipeline.score_stages(scoring, layers, test, chosen=number is not None))
    rows = rows_by_place(job, scoring, test, layers)
    import pyarrow as pa

    form, columns = Format(chosen.value), ("emotion", "layer", "reference", "place", "auroc", "ci_low", "ci_high")
    by_place = [{name: row[name] for name in (*columns, "null_low", "null_high", "p_value", "n")} for row in rows]
    if form is not Format.table or output is not None:
        write_rows(pa.Table.from_pylist(by_place), form, output, formulas=None, note=start.console.note)
    else:
        write_lines(["AUROC by place, emotional and which; in brackets what 97.5 % of permuted labels stay below:"])
        write_rows(pa.Table.from_pylist(_by_place(rows)), form)
        write_lines(["", "share of texts above what 97.5 % of the training texts that calibrate the score have:"])
        write_rows(pa.Table.from_pylist(flags(job, scoring, test, layers)), form)
    drawn = figure_folder(job, scoring, test, layers, chosen=number is not None).folder
    filters = as_options(start.settings, ("dataset", "model", "emotion")) + as_option(number)
    start.console.note(f"figure: {drawn}; more: emo sql scores_by_place{filters}, emo sql scores_by_text_kind{filters}")


def _by_place(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """A row a place, a column an emotion: both AUROC, each with the upper end of its null."""
    shown: dict[str, dict[str, str]] = {}
    for row in rows:  # those against neutral come before those against the others
        value, end = ("-" if row[name] is None else f"{row[name]:.3f}" for name in ("auroc", "null_high"))
        cells = shown.setdefault(row["place"], {"place": row["place"]})
        name = f"{row['emotion']} (layer {row['layer']})"
        cells[name] = "  ".join([*filter(None, [cells.get(name)]), f"{value} ({end})"])
    return list(shown.values())


def _about(job: "Job", scoring: "Scoring") -> "About":
    from emotion_cli.measures.labels import OTHERS
    from emotion_cli.reporting.scores.card import About

    settings = job.settings
    # the direction against neutral marks nearly every word of any emotional text: which emotion it is, the other one says
    by_default = OTHERS if "reference" not in settings.sources and len(scoring.emotions) > 1 else settings.reference
    column = "which" if by_default == OTHERS else "emotional"
    return About(scoring.extraction.model, scoring.extraction.dataset, scoring.pooling, scoring.neutral, column)


def _write_table(start: Start, about: "About", made: "Iterable[Card]", output: Path | None) -> None:
    from emotion_cli.reporting.scores.plain import heading, legend, marked, visible

    in_colour = output is None and _colours() is not None
    sink = _Lines(output)
    sink.write([f"{about.model}, directions of {about.dataset}, pooling {about.pooling}", ""])
    for card in made:
        width = max(len(score.emotion) for score in card.scores)
        lines = [] if card.text_id == ARGUMENT else [visible(card.text_id)]
        for score in card.scores:
            shown = _coloured(card, score, about.column) if in_colour else marked(card, score, about.column)
            lines += [heading(score, width), *shown.split("\n"), ""]
        sink.write(lines)
    sink.write(legend(about, in_colour=in_colour) if output else in_room(legend(about, in_colour=in_colour)))
    sink.close()


_COLOURS = {
    "high": "black on #fbd9b8",
    "very high": "black on #f0a35e",
    "low": "black on #cfe4f5",
    "very low": "black on #8fc1ea",
}


def _colours() -> str | None:
    """The colour system of the terminal; None where colours are not wanted or not there."""
    from rich.console import Console

    console = Console()
    return None if console.no_color or os.environ.get("NO_COLOR") or not console.is_terminal else console.color_system


def _coloured(card: "Card", score: "EmotionScore", column: str) -> str:
    from rich.console import Console
    from rich.text import Text as Rich

    from emotion_cli.reporting.scores.card import parts_of, visible

    shown = Rich()
    for part in parts_of(card, score, column):
        style = _COLOURS.get(part.strength, "underline dim" if part.sink else "dim")
        shown.append(visible(card.text[part.start : part.stop]), style=style)
    written, system = io.StringIO(), cast(Any, _colours())
    Console(file=written, force_terminal=True, color_system=system, soft_wrap=True).print(shown, end="")
    return written.getvalue()


class _Lines:
    """Lines for people, as they are made: on stdout in its own encoding, or kept for a file."""

    def __init__(self, output: Path | None) -> None:
        self._output, self._kept = output, []

    def write(self, lines: Sequence[str]) -> None:
        text = "".join(f"{line}\n" for line in lines)
        if self._output is not None:
            self._kept.append(text)
            return
        # a terminal that does not know a character must not stop the others
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(encoding, errors="backslashreplace"))
        sys.stdout.buffer.flush()

    def close(self) -> None:
        if self._output is not None:
            write_file(self._output, "".join(self._kept).encode())


def _write_html(start: Start, about: "About", made: "Iterable[Card]", output: Path | None) -> None:
    from emotion_cli.reporting.scores.page import page

    _write(page(list(made), about), output)


def _write_json(start: Start, about: "About", made: "Iterable[Card]", output: Path | None) -> None:
    rows = ",\n".join(_dumps(record(card, about)) for card in made)
    _write(f"[\n{rows}\n]\n", output)


def _write_jsonl(start: Start, about: "About", made: "Iterable[Card]", output: Path | None) -> None:
    if output is not None:
        _write("".join(f"{_dumps(record(card, about))}\n" for card in made), output)
        return
    for card in made:
        write_lines([_dumps(record(card, about))])


def _write_csv(start: Start, about: "About", made: "Iterable[Card]", output: Path | None) -> None:
    import pyarrow as pa

    rows = [row for card in made for row in text_rows(card, about.column)]
    write_rows(pa.Table.from_pylist(rows), Format.csv, output, formulas=None, note=start.console.note)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        write_lines([text.removesuffix("\n")])
    else:
        write_file(output, text.encode())


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def record(card: "Card", about: "About") -> dict[str, Any]:
    """A scored text as a JSON object: the two numbers of each emotion, and each token's."""
    return {
        "id": card.text_id,
        "text": card.text,
        "model": about.model,
        "dataset": about.dataset,
        "pooling": about.pooling,
        "emotions": [
            {"emotion": score.emotion, "layer": score.layer, "emotional": score.emotional, "which": score.which}
            for score in card.scores
        ],
        "tokens": [_token(card, place) for place in range(len(card.scores[0].tokens))],
    }


def _token(card: "Card", place: int) -> dict[str, Any]:
    token = card.scores[0].tokens[place]
    start, stop = token.characters or (None, None)
    return {
        "position": token.position,
        "token": card.text[start:stop] if token.characters else None,
        "start": start,
        "stop": stop,
        "scores": {
            score.emotion: {
                name: getattr(score.tokens[place], name) for name in ("emotional", "which", "z_emotional", "z_which", "sink")
            }
            for score in card.scores
        },
    }


def text_rows(card: "Card", column: str) -> list[dict[str, Any]]:
    """A scored text as rows, one an emotion: its two numbers, and the word with the highest."""
    from emotion_cli.reporting.scores.card import parts_of, strongest

    rows = []
    for score in card.scores:
        top = strongest(card, score, column)
        rows.append(
            {
                "id": card.text_id,
                "emotion": score.emotion,
                "layer": score.layer,
                "emotional": score.emotional,
                "which": score.which,
                "n_tokens": len(score.tokens),
                "n_words_outside": sum(part.is_outside for part in parts_of(card, score, column)),
                "strongest": card.text[top.start : top.stop] if top else None,
                "strongest_start": top.start if top else None,
                "strongest_stop": top.stop if top else None,
                "strongest_quantile": top.quantile if top else None,
                "text": card.text,
            }
        )
    return rows


WRITERS: Mapping[ScoreFormat, Callable[[Start, "About", "Iterable[Card]", Path | None], None]] = {
    ScoreFormat.table: _write_table,
    ScoreFormat.html: _write_html,
    ScoreFormat.json: _write_json,
    ScoreFormat.jsonl: _write_jsonl,
    ScoreFormat.csv: _write_csv,
}
