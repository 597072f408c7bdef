"""Files for people that were derived from tables (pictures, pages): a folder with a manifest of what they were made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from warehouse import protocol
from warehouse.lock import held
from warehouse.protocol import FileEntry, Manifest


@dataclass(frozen=True)
class Artifacts:
    """Derived files under fixed names in one folder."""

    folder: Path
    kind: str = "figures"

    def manifest(self) -> Manifest | None:
        """What was committed, or None; None too when a file is not as it was committed, so that it is made again."""
        manifest = protocol.read_manifest(self.folder)
        if manifest and all(entry.is_whole(self.folder) for entry in manifest.files):
            return manifest
        return None

    def commit(
        self, contents: Mapping[str, bytes], inputs: Mapping[str, Any], *, reads: Mapping[str, str] | None = None
    ) -> list[Path]:
        """Replace the folder's files one by one, then the manifest; files that are no longer made are removed.

        `reads` says at which places (of partitions) those `inputs` are that are fingerprints.
        """
        with held(self.folder, wait=True):
            former = protocol.read_manifest(self.folder)
            for name, content in contents.items():
                protocol.replace_file(self.folder / name, content)
            entries = tuple(FileEntry(name, 0, len(content), sha256(content).hexdigest()) for name, content in contents.items())
            protocol.commit(self.folder, Manifest(self.kind, {}, entries, dict(inputs), protocol.now(), reads=dict(reads or {})))
            with protocol.naming(self.folder):
                for entry in former.files if former else ():
                    if entry.name not in contents:
                        (self.folder / entry.name).unlink(missing_ok=True)
            protocol.sync_folder(self.folder)
        return [self.folder / name for name in contents]
