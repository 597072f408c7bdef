"""Files for people that were derived from tables (pictures, pages): a folder with a manifest of what they were made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from warehouse.store import MANIFEST, FileEntry, Manifest, read_manifest, replace_file, sync_folder


@dataclass(frozen=True)
class Artifacts:
    """Derived files under fixed names in one folder; several kinds may share a folder under manifests of their own."""

    folder: Path
    kind: str = "figures"
    manifest_name: str = MANIFEST

    def manifest(self) -> Manifest | None:
        """What was committed, or None; None too when a file has gone, so that it is made again."""
        manifest = read_manifest(self.folder / self.manifest_name)
        if manifest and all((self.folder / entry.name).is_file() for entry in manifest.files):
            return manifest
        return None

    def commit(self, contents: Mapping[str, bytes], inputs: Mapping[str, Any]) -> list[Path]:
        """Replace the folder's files one by one, then the manifest; files that are no longer made are removed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        former = read_manifest(self.folder / self.manifest_name)
        for name, content in contents.items():
            replace_file(self.folder / name, content)
        entries = tuple(FileEntry(name, 0, len(content), sha256(content).hexdigest()) for name, content in contents.items())
        manifest = Manifest(self.kind, {}, entries, dict(inputs), datetime.now(UTC).isoformat())
        replace_file(self.folder / self.manifest_name, manifest.to_json().encode())
        for entry in former.files if former else ():
            if entry.name not in contents:
                (self.folder / entry.name).unlink(missing_ok=True)
        sync_folder(self.folder)
        return [self.folder / name for name in contents]
