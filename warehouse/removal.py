"""Removes a dataset, a model or an extraction with all that was derived from it; what was derived goes first, an origin last.

A partition is withdrawn by removing its manifest, as it is committed by writing it. A crash leaves what was not reached
untouched, and in the folder at hand parts without a manifest, which `emo verify` names and the same removal finds again.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from warehouse import protocol
from warehouse.artifacts import Artifacts, parts_of
from warehouse.disk import TEMPORARY, naming, remove_empty, sync_folder
from warehouse.errors import NotInStoreError, StoreError
from warehouse.lock import LOCK_FILES, held
from warehouse.names import unquote
from warehouse.protocol import MANIFEST, PROGRESS, Folders, Manifest, is_part
from warehouse.schema import TABLES, About
from warehouse.store import Partition, Store

LIST = 'emo sql "select extraction_id, dataset, model from extractions"'


STAY = ("report", "tracking")
"""Artifacts about the whole store: they become stale, and are not removed."""


class Filters(NamedTuple):
    """What to remove; an empty field does not restrict. A version alone means its texts and all that was made of them."""

    datasets: Collection[str] = ()
    models: Collection[str] = ()
    extractions: Collection[str] = ()
    version: str = ""


class Removal(NamedTuple):
    """A partition or artifacts to remove: its place in the store, rows, and files, in the order in which they are removed.

    With a `part` only that part of a folder of artifacts is removed.
    """

    folders: Folders
    place: str
    rows: int
    files: tuple[Path, ...]
    part: str = ""

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(path.stat().st_size for path in self.files if path.is_file())


def to_remove(store: Store, filters: Filters) -> list[Removal]:
    """All folders to remove, in order; NotInStoreError when nothing matches, or an id is not unique."""
    for table in TABLES:
        for partition in store.folders(table):
            partition.refuse_earlier_layout()
    roots = [partition.folders for partition in _roots(store, filters)]
    if not roots:
        raise NotInStoreError("nothing in the store matches", hint=LIST)
    manifests = {folders: manifest for folders in store.all_folders() if (manifest := _manifest(folders))}
    # an origin is removed after all that reads it
    before: dict[Folders, set[Folders]] = {folders: set() for folders in roots}
    reached = list(before)
    for origin in reached:
        place = _place(store, origin)
        for folders, manifest in manifests.items():
            if place in manifest.origins and manifest.table not in STAY:
                before[origin].add(folders)
                if folders not in before:
                    before[folders] = set()
                    reached.append(folders)
    order = list(TABLES)
    ranked = sorted(before, key=lambda folders: (_rank(store, order, folders), folders.data), reverse=True)
    sorter = TopologicalSorter({folders: sorted(before[folders], key=lambda derived: derived.data) for folders in ranked})
    # what no manifest names as read, but all stands on: texts go last
    ordered = sorted(sorter.static_order(), key=lambda folders: _rank(store, order, folders) == 0)
    return _removed_pages(store, ordered, manifests) + [_removal(store, folders, manifests.get(folders)) for folders in ordered]


def models_besides(removals: Collection[Removal], named: Collection[str]) -> list[str]:
    """Other models than these whose rows are among what is removed, because they were measured beside it; sorted."""
    keys = (name.partition("=") for removal in removals for name in removal.place.split("/"))
    return sorted({unquote(value) for key, _, value in keys if key == "model"} - {*named})


def remove(store: Store, removals: list[Removal]) -> list[Path]:
    """Remove these, in order; the folders that stay because they hold files that emo did not write.

    HeldError when another process is writing to any of these folders; then nothing is removed.
    """
    with ExitStack() as locks:
        for folder in dict.fromkeys(removal.folders.control for removal in removals):
            locks.enter_context(held(folder))
        return [removal.folders.data for removal in removals if not _removed(store, removal)]


def left_stale(store: Store) -> list[tuple[str, Path]]:
    """Kind and folder of pages about the whole store that still show removed rows."""
    committed = ((_manifest(Folders(folder, folder)), folder) for folder in store.artifact_folders())
    return [
        (manifest.table, folder)
        for manifest, folder in committed
        if manifest and manifest.table in STAY and not all((store.root / place).is_dir() for place in manifest.origins)
    ]


def _roots(store: Store, filters: Filters) -> Iterator[Partition]:
    by_about: dict[About, list[Partition]] = {about: [] for about in About}
    for table in TABLES.values():
        by_about[table.about] += store.folders(table.name)
    extractions = _ids(store, filters, by_about[About.extraction])
    ids = {id_ for _, _, id_ in extractions}
    # an id names rows of one dataset and model; the model's data of the dataset, or of one extraction, leaves texts and checks
    whole = not (filters.extractions or (filters.datasets and filters.models))
    goes: dict[About, Callable[[Partition], bool]] = {
        About.dataset: lambda partition: (
            whole
            and partition.keys["dataset"] in filters.datasets
            and partition.keys["prompts_sha256"].startswith(filters.version)
        ),
        About.model: lambda partition: whole and partition.keys["model"] in filters.models,
        About.extraction: lambda partition: _extraction(partition) in extractions,
        About.pair: lambda partition: not ids.isdisjoint(partition.extractions()),
        About.group: lambda partition: not ids.isdisjoint(partition.extractions()),
        About.run: lambda partition: not ids.isdisjoint(partition.extractions()),
    }
    yield from (partition for about, members in by_about.items() for partition in members if goes[about](partition))


def _ids(store: Store, filters: Filters, partitions: list[Partition]) -> set[tuple[str, str, str]]:
    """The extractions that are meant (dataset, model, id); an id may be named by its start."""
    known = {_extraction(partition) for partition in partitions}
    named: set[str] = set()
    for start in filters.extractions:
        matching = {id_ for _, _, id_ in known if id_.startswith(start)}
        if len(matching) != 1:
            problem = "no extraction's id begins" if not matching else f"{len(matching)} extractions' ids begin"
            raise NotInStoreError(f"{problem} with {start}", hint=LIST)
        named |= matching
    return {
        (dataset, model, id_)
        for dataset, model, id_ in known
        if (not filters.extractions or id_ in named)
        and (not filters.datasets or dataset in filters.datasets)
        and (not filters.models or model in filters.models)
        and (
            not filters.version
            or _version(store.partition("extractions", dataset=dataset, model=model, extraction_id=id_)).startswith(
                filters.version
            )
        )
    }


def _extraction(partition: Partition) -> tuple[str, str, str]:
    return partition.keys["dataset"], partition.keys["model"], partition.keys["extraction_id"]


def _version(extraction: Partition) -> str:
    # of an extraction that was never finished it is not known: it stays
    return extraction.read(["prompts_sha256"])["prompts_sha256"][0].as_py() if extraction.manifest() else "unknown"


def _manifest(folders: Folders) -> Manifest | None:
    try:
        return protocol.read_manifest(folders.control)
    except StoreError:
        return None  # damaged: what its folder names is removed all the same


def _place(store: Store, folders: Folders) -> str:
    return folders.data.relative_to(store.root).as_posix()


def _rank(store: Store, order: list[str], folders: Folders) -> int:
    table = folders.data.relative_to(store.root).parts[0]
    return order.index(table) if table in order else len(order)


def _removal(store: Store, folders: Folders, manifest: Manifest | None) -> Removal:
    is_table = folders.data != folders.control
    is_removed = is_part if is_table else _is_listed(manifest)
    files = [
        path for folder in folders.all for path in sorted(folder.iterdir()) if path.name.startswith(TEMPORARY) or is_removed(path)
    ]
    notes = [folders.control / name for name in (MANIFEST, PROGRESS) if (folders.control / name).exists()]
    # a picture counts only while it is as its manifest says, so that its manifest may go last, and the folder is found again
    ordered = [*notes, *files] if is_table else [*files, *notes]
    return Removal(folders, _place(store, folders), manifest.rows if manifest else 0, tuple(ordered))


def _removed_pages(store: Store, removed: Collection[Folders], manifests: Mapping[Folders, Manifest]) -> list[Removal]:
    """The named reports and records that are only about removed vectors; all others stay, and are stale."""
    places = {_place(store, folders) for folders in removed}
    pages = []
    for folders, manifest in manifests.items():
        folder = folders.data
        for artifacts in parts_of(folder, manifest) if manifest.table in STAY else ():
            page = artifacts.committed()
            made_of = {place for place in page.origins if place.startswith("vectors/")} if page else set()
            left = {place for place in made_of - places if (store.root / place).is_dir()}
            if page and artifacts.part and made_of & places and not left:
                files = tuple(folder / entry.name for entry in page.files)
                place = (folder / artifacts.part).relative_to(store.root).as_posix()
                pages.append(Removal(folders, place, 0, files, artifacts.part))
    return pages


def _is_listed(manifest: Manifest | None) -> Callable[[Path], bool]:
    names = {entry.name for entry in manifest.files} if manifest else set()
    return lambda path: path.name in names


def _removed(store: Store, removal: Removal) -> bool:
    """Remove the files, then the folders and those above them that are empty; whether nothing is left."""
    folders = removal.folders
    with naming(folders.data):
        if removal.part:
            Artifacts(folders.data, part=removal.part).withdraw()
            if _manifest(folders):
                return True  # other parts are there
        for path in removal.files:
            if path.exists():
                os.unlink(path)  # noqa: PTH108 - the system calls of the protocol are spelled out
                sync_folder(path.parent)
        for name in LOCK_FILES:
            (folders.control / name).unlink(missing_ok=True)
        for folder in reversed(folders.all):
            remove_empty(folder, store.root)
    return removal.part != "" or not any(
        map(_holds_foreign, folders.all)
    )  # of a part the folder may stay, with what else is in it


def _holds_foreign(folder: Path) -> bool:
    """Whether files are left that emo did not write; a folder of artifacts inside has a manifest of its own, and may stay."""
    return any(
        path.is_file() and not any((parent / MANIFEST).exists() for parent in path.parents if folder in parent.parents)
        for path in folder.rglob("*")
    )
