"""The remaining work of an extraction: decided by the contents of finished parts, never by their age.

A part is a run of prompts under a group of (pooling, layer) pairs. Its name says which, so that parts of a killed run, of a run
with other layers, and of an extraction that lost a file are all read alike.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from emotion_cli.job.extractions import Pairs
from warehouse.store import FileEntry


class Group(NamedTuple):
    """Poolings that lack the same layers, and so are computed in one pass."""

    poolings: tuple[str, ...]
    layers: tuple[int, ...]

    @property
    def pairs(self) -> set[tuple[str, int]]:
        """Its (pooling, layer) pairs."""
        return {(pooling, layer) for pooling in self.poolings for layer in self.layers}

    def part(self, chunk: range) -> str:
        """The name of the part that holds these prompts."""
        return f"{','.join(self.poolings)}|{','.join(map(str, self.layers))}|{chunk.start}-{chunk.stop}"


class Work(NamedTuple):
    """What to do: commit `ready` parts, compute `groups` but for their `finished` parts, keep `left` parts for a later run."""

    ready: list[FileEntry]
    groups: list[Group]
    finished: dict[str, FileEntry]
    left: list[FileEntry]

    def pairs(self, stored: Pairs) -> Pairs:
        """All pairs after the work, including `stored`."""
        groups = [*self.groups, *dict.fromkeys(group_of(entry.part) for entry in self.ready)]
        return as_pairs({pair for group in groups for pair in group.pairs} | set(as_set(stored)))


def work(
    requested: Pairs, stored: Pairs, noted: Sequence[FileEntry], recipe: str, chunks: Callable[[Group], Sequence[range]]
) -> Work:
    """What is left of the `requested` pairs; `stored` ones are committed, and earlier runs finished the `noted` parts.

    A group that is complete is only committed. A part of an incomplete one is used again if `recipe` made it; when the group
    shares no pair with the request, it waits for a later run.
    """
    requested_pairs, stored_pairs = as_set(requested), as_set(stored)
    todo = Work([], [], {}, [])
    for group in dict.fromkeys(group_of(entry.part) for entry in noted):
        by_part = {entry.part: entry for entry in noted if group_of(entry.part) == group}
        names = [group.part(chunk) for chunk in chunks(group)]
        usable = {name: by_part[name] for name in names if name in by_part and by_part[name].recipe == recipe}
        if group.pairs & stored_pairs:
            continue
        if all(name in by_part for name in names) and len({entry.recipe for entry in by_part.values()}) == 1:
            todo.ready.extend(by_part[name] for name in names)
        elif usable and group.pairs <= requested_pairs:
            todo.groups.append(group)
            todo.finished.update(usable)
        else:
            todo.left.extend(() if group.pairs & requested_pairs else usable.values())
            continue
        stored_pairs |= group.pairs
    todo.groups.extend(_missing(requested, stored_pairs))
    return todo


def group_of(part: str) -> Group:
    """The group that a part's name stands for."""
    poolings, layers, _ = part.split("|")
    return Group(tuple(poolings.split(",")), tuple(int(layer) for layer in layers.split(",")))


def chunk_of(part: str) -> range:
    """The prompts that a part's name stands for, as places in the order of the extraction."""
    start, stop = part.split("|")[2].split("-")
    return range(int(start), int(stop))


def as_set(pairs: Pairs) -> set[tuple[str, int]]:
    """The pairs one by one."""
    return {(pooling, layer) for pooling, layers in pairs.items() for layer in layers}


def as_pairs(pairs: Iterable[tuple[str, int]]) -> Pairs:
    """Layers by pooling, both sorted."""
    layers: Pairs = {}
    for pooling, layer in sorted(pairs):
        layers.setdefault(pooling, []).append(layer)
    return layers


def groups_of(requested: Pairs, stored: Pairs) -> list[Group]:
    """The groups in which the requested pairs that are not stored would be computed."""
    return _missing(requested, as_set(stored))


def _missing(requested: Pairs, stored: set[tuple[str, int]]) -> list[Group]:
    groups: dict[tuple[int, ...], list[str]] = {}
    for pooling, layers in sorted(requested.items()):  # the order in which they were asked for names no part
        missing = tuple(layer for layer in layers if (pooling, layer) not in stored)
        if missing:
            groups.setdefault(missing, []).append(pooling)
    return [Group(tuple(poolings), layers) for layers, poolings in groups.items()]
