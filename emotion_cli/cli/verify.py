"""`emo verify`: is the store what it says it is?"""

from typing import Annotated

import typer

from emotion_cli.cli import options as o
from emotion_cli.cli.output import format_of, write_records
from emotion_cli.errors import CheckFailedError

Repair = Annotated[
    bool,
    typer.Option(
        "--repair", help="Remove orphans, put bad files aside in STORE/quarantine, migrate older files; deletes no data."
    ),
]


def verify(
    repair: Repair = False,
    store: o.StoreDir = None,
    format: o.RowFormat = None,
    output: o.Output = None,
    force: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Check every checksum, schema, row count, grain, value, orphan and origin; print the faults and exit with 4 if any."""
    format = format_of(format, output, force=force)
    _, console, opened = o.start(store=store, quiet=quiet, reads=True)
    from warehouse.repair import repair as mend
    from warehouse.verify import KINDS, unfinished
    from warehouse.verify import verify as find

    faults = find(opened, note=console.detail)
    shown = mend(opened, faults) if repair else faults
    write_records(
        [{"check": fault.check, "file": str(fault.file), "detail": fault.detail, "done": fault.done} for fault in shown],
        format,
        output,
        columns=("check", "file", "detail", "done"),
    )
    for folder, parts in unfinished(opened):
        console.note(f"{folder}: unfinished, {parts} parts are there; next: the same emo extract again")
    left = find(opened) if repair and faults else faults
    if not left:
        console.note(f"{len(faults)} faults, all repaired; next: emo run" if faults else "no fault was found")
        return
    steps = dict.fromkeys(
        step for fault in left if (step := KINDS[fault.check].then if fault.check in KINDS else "emo run --force")
    )
    can_repair = not repair and any(KINDS[fault.check].repair for fault in left if fault.check in KINDS)
    hint = "emo verify --repair" if can_repair else ", ".join(steps) or "emo run"
    raise CheckFailedError(f"{len(left)} faults in {opened.root}", hint=hint)
