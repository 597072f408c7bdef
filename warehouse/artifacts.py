"""Figures and pages derived from tables: a folder with a manifest of their inputs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from warehouse import protocol
from warehouse.disk import naming, replace_file, sync_folder
from warehouse.lock import held
from warehouse.protocol import MANIFEST, FileEntry, Manifest


@dataclass(frozen=True)
class Artifacts:
    """Derived files under fixed names in one folder, or one `part` of such a folder: files that are made apart from the others.

    The folder has one manifest. In it the inputs of a part are named `[part] input`, and its files say their part.
    """

    folder: Path
    kind: str = "figures"
    part: str = ""

    def manifest(self) -> Manifest | None:
        """The committed manifest; None without one or when a file was changed, so that it is made again."""
        manifest = self.committed()
        if manifest and all(entry.is_whole(self.folder) for entry in manifest.files):
            return manifest
        return None

    def committed(self) -> Manifest | None:
        """The committed manifest, even if files were changed since, or None."""
        manifest = protocol.read_manifest(self.folder)
        if manifest is None:
            return None
        files = self._of_part(manifest.files)
        if not files and (self.part or manifest.files):
            return None  # only others were committed
        return replace(manifest, files=files, inputs=self._named(manifest.inputs), reads=self._named(manifest.reads))

    def commit(
        self, contents: Mapping[str, bytes], inputs: Mapping[str, Any], *, reads: Mapping[str, str] | None = None
    ) -> list[Path]:
        """Replace the files one by one, then the manifest; files that are no longer made are removed, other parts stay.

        `reads` says at which places (of partitions) those `inputs` are that are fingerprints.
        """
        with held(self.folder, wait=True):
            former = protocol.read_manifest(self.folder)
            for name, content in contents.items():
                replace_file(self.folder / name, content)
            entries = [
                FileEntry(name, 0, len(content), sha256(content).hexdigest(), part=self.part)
                for name, content in contents.items()
            ]
            inputs_of_others, reads_of_others = ({}, {}) if former is None else map(self._without, (former.inputs, former.reads))
            manifest = Manifest(
                self.kind,
                {},
                (*entries, *self._others(former)),
                {self._key(name): value for name, value in inputs.items()} | inputs_of_others,
                protocol.now(),
                reads={self._key(name): place for name, place in (reads or {}).items()} | reads_of_others,
            )
            protocol.commit(self.folder, manifest)
            with naming(self.folder):
                for entry in self._of_part(former.files) if former else ():
                    if entry.name not in contents:
                        (self.folder / entry.name).unlink(missing_ok=True)
            sync_folder(self.folder)
        return [self.folder / name for name in contents]

    def withdraw(self) -> None:
        """Remove the files, then their manifest entries; the caller holds the folder's lock.

        A crash in between leaves a manifest that lists removed files: they do not count, and are found again.
        """
        with naming(self.folder):
            former = protocol.read_manifest(self.folder)
            for entry in self._of_part(former.files) if former else ():
                (self.folder / entry.name).unlink(missing_ok=True)
                sync_folder(self.folder)
            if former and (remaining_files := self._others(former)):
                remaining = replace(
                    former, files=remaining_files, inputs=self._without(former.inputs), reads=self._without(former.reads)
                )
                protocol.commit(self.folder, remaining)
            else:
                (self.folder / MANIFEST).unlink(missing_ok=True)
                sync_folder(self.folder)

    def _key(self, name: str) -> str:
        return f"[{self.part}] {name}" if self.part else name

    def _is_of_part(self, key: str) -> bool:
        return key.startswith(f"[{self.part}] ") if self.part else not key.startswith("[")

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        prefix = len(self._key(""))
        return {key[prefix:]: value for key, value in values.items() if self._is_of_part(key)}

    def _without(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in values.items() if not self._is_of_part(key)}

    def _of_part(self, files: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
        return tuple(entry for entry in files if entry.part == self.part)

    def _others(self, manifest: Manifest | None) -> tuple[FileEntry, ...]:
        return tuple(entry for entry in manifest.files if entry.part != self.part) if manifest else ()


def parts_of(folder: Path, manifest: Manifest) -> list[Artifacts]:
    """The parts that a committed folder of artifacts consists of, sorted; the files of no part first."""
    return [Artifacts(folder, manifest.table, part) for part in sorted({entry.part for entry in manifest.files})]
