"""`emo datasets list` and `emo datasets show`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emotion_cli.cli.completion import SUGGESTIONS
from emotion_cli.cli.datasets.columns import names_columns
from emotion_cli.cli.options import ROWS, Start, takes

if TYPE_CHECKING:
    import pyarrow as pa

    from emotion_cli.job.datasets import Version
    from emotion_cli.prompts.reading.columns import Columns
    from warehouse.store import Store

SHOWN = ["emotion", "topic", "text", "n_copies"]
CLUSTER = "cluster"
"""A column that is shown where a prompt is in one."""

Name = Annotated[
    str, typer.Argument(help="The dataset's name, or a file or folder of prompts.", autocompletion=SUGGESTIONS["dataset"])
]


@takes("store", *ROWS, needs_store="if named")
def list_(start: Start) -> None:
    """List the sets that ship and those in the store, with their labels and sizes."""
    from emotion_cli.job.datasets import known_datasets, newest_version
    from emotion_cli.prompts.shipped import shipped_sets

    rows = []
    for name in known_datasets(start.store):
        version = newest_version(start.store, name)
        labels = _prompts(start.store, version, ["emotion"])["emotion"].to_pylist()
        rows.append(
            {
                "dataset": name,
                "role": version.role,
                "prompts": len(labels),
                "emotions": ", ".join(sorted(set(labels))),
                "in_store": _is_stored(start.store, version),
                "about": shipped_sets()[name].about if name in shipped_sets() else "imported",
            }
        )
    start.rows.write_records(rows)


@takes("store", *ROWS, needs_store="if named")
@names_columns
def show(start: Start, columns: "Columns", dataset: Name) -> None:
    """Print the prompts of a set: its newest version in the store, else as it ships; or those of a file."""
    from emotion_cli.job.datasets import newest_version
    from emotion_cli.prompts.reading import READERS, read_prompt_set
    from warehouse.store import table_of

    if Path(dataset).suffix.lower() in READERS or Path(dataset).is_dir():
        prompt_set = read_prompt_set([Path(dataset)], dataset, columns=columns, accept_labels=True, note=start.console.note)
        prompts = table_of("prompts", prompt_set.columns())
    else:
        prompts = _prompts(start.store, newest_version(start.store, dataset, "DATASET"), [*SHOWN, CLUSTER])
    is_clustered = prompts[CLUSTER].null_count < len(prompts)
    start.rows.write(prompts.select([*SHOWN[:2], CLUSTER, *SHOWN[2:]] if is_clustered else SHOWN))


def _prompts(store: "Store", version: "Version", columns: list[str]) -> "pa.Table":
    """Columns of a version's prompts: of the store, else of the set that ships."""
    from emotion_cli.prompts.shipped import shipped_prompt_set
    from warehouse.store import table_of

    if _is_stored(store, version):
        return store.partition("prompts", dataset=version.dataset, prompts_sha256=version.prompts_sha256).read(columns)
    return table_of("prompts", shipped_prompt_set(version.dataset).columns()).select(columns)


def _is_stored(store: "Store", version: "Version") -> bool:
    partition = store.partition("prompts", dataset=version.dataset, prompts_sha256=version.prompts_sha256)
    return partition.manifest() is not None
