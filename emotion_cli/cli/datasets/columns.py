"""The options that say which columns of a file of prompts hold what."""

from collections.abc import Callable
from inspect import Parameter
from typing import TYPE_CHECKING

import typer

from emotion_cli.cli.options import expanded

if TYPE_CHECKING:
    from emotion_cli.prompts.reading.columns import Columns

OPTIONS = {
    "text_column": typer.Option(None, "--text-column", help="The column or key that holds texts, if not `text`."),
    "label_column": typer.Option(
        None, "--label-column", help="The column or key that holds labels, if not `emotion` or `label`."
    ),
    "topic_column": typer.Option(None, "--topic-column", help="The column or key that holds topics, if not `topic`."),
    "cluster_column": typer.Option(None, "--cluster-column", help="The column or key that holds clusters, if not `cluster`."),
    "label_names": typer.Option(
        None,
        "--label-names",
        metavar="FILE|A,B,C",
        help="Labels are numbers from 0: their names, or a file with a name a line.",
    ),
    "label_columns": typer.Option(
        None,
        "--label-columns",
        metavar="A,B,C",
        help="Each label is a column of 0 and 1: the columns; a row has exactly one label.",
    ),
    "ignore_other_columns": typer.Option(
        False, "--ignore-other-columns", help="Leave out unknown columns and keys, which are faults otherwise."
    ),
}


def names_columns(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command with a parameter `columns: Columns` its options."""
    parameters = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=option, annotation=bool if option.default is False else str | None)
        for name, option in OPTIONS.items()
    ]
    return expanded(command, "columns", _columns, parameters)


def _columns(
    *,
    text_column: str | None,
    label_column: str | None,
    topic_column: str | None,
    cluster_column: str | None,
    label_names: str | None,
    label_columns: str | None,
    ignore_other_columns: bool,
) -> "Columns":
    from emotion_cli.prompts.reading.columns import Columns, distinct
    from emotion_cli.prompts.reading.columns import label_names as names_of

    return Columns(
        text_column,
        label_column,
        topic_column,
        names_of(label_names) if label_names is not None else (),
        distinct("--label-columns", label_columns.split(",")) if label_columns is not None else (),
        ignore_other_columns,
        cluster_column,
    )
