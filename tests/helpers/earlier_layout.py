"""A store as emo 0.4 kept it: manifests, notes and parts that are not committed lie beside the current parts."""

import shutil
from pathlib import Path

from warehouse.protocol import CONTROL, PENDING


def as_before(root: Path) -> Path:
    """Move what is in the control folders of a store to where it was up to emo 0.4."""
    for path in sorted((root / CONTROL).rglob("*")):
        if path.is_file():
            folder = path.parent.parent if path.parent.name == PENDING else path.parent
            target = root / folder.relative_to(root / CONTROL) / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    shutil.rmtree(root / CONTROL)
    return root
