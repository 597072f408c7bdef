"""`emo verify`: whether the store is intact."""

from typing import Annotated

import typer

from emotion_cli.cli.options import ROWS, Start, takes
from emotion_cli.errors import CheckFailedError
from emotion_cli.wording import counted

Repair = Annotated[
    bool,
    typer.Option(
        "--repair", help="Finish killed commits, put bad files aside in STORE/quarantine, migrate older files; deletes no data."
    ),
]


@takes("store", *ROWS, "quiet", needs_store="yes")
def verify(start: Start, repair: Repair = False) -> None:
    """Check every checksum, schema, row count, grain, value, stray file and origin; print the faults and exit with 4 if any."""
    console, store, rows = start.console, start.store, start.rows
    from warehouse.repair import repair as repaired
    from warehouse.verify import KINDS, notes
    from warehouse.verify import verify as faults_in

    faults = faults_in(store)
    shown = repaired(store, faults) if repair else faults
    rows.write_records(
        [{"check": fault.check, "file": str(fault.file), "detail": fault.detail, "done": fault.done} for fault in shown],
        columns=("check", "file", "detail", "done"),
    )
    for folder, text in notes(store):
        console.note(f"{folder}: {text}")
    left = faults_in(store) if repair and faults else faults
    if not left:
        console.note(f"{counted(len(faults), 'fault')}, all repaired; next: emo run" if faults else "no fault was found")
        return
    steps = dict.fromkeys(
        step for fault in left if (step := KINDS[fault.check].then if fault.check in KINDS else "emo run --force")
    )
    can_repair = not repair and any(KINDS[fault.check].repair for fault in left if fault.check in KINDS)
    hint = "emo verify --repair" if can_repair else ", ".join(steps) or "emo run"
    raise CheckFailedError(f"{counted(len(left), 'fault')} in {store.root}", hint=hint)
