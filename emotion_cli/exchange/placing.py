"""Where rows that come in any order belong: by pooling, layer and prompt id, each at its place in a file on disk."""

import re
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.errors import EmoError
from emotion_cli.exchange.incoming import (
    MOST_ROWS,
    NAMES,
    NO_LAYER,
    TEXTS,
    Coded,
    Faults,
    Source,
    activations_of,
    coded,
    combined,
    layers_of,
    reading,
)
from emotion_cli.prompts.matching import Claim, Prompts

POOLING_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What a pooling may be called: it is joined with others by commas and slashes."""


HIGHEST_LAYER = 100_000
"""A layer above this is a mistake even where the depth is not known."""


Pair = tuple[str, int]
"""A pooling and a layer."""


Advance = Callable[[int], None]
"""Told how many rows were read."""


class _Decoded(NamedTuple):
    """Of each row of a batch, the number of its prompt and of its pair (-1 where it is at fault), and the faults by row."""

    prompts: np.ndarray
    pairs: np.ndarray
    wrong: list[tuple[int, str]]


class _Held(NamedTuple):
    """The prompts of a pair, ascending, and the rows that they stand in."""

    prompts: np.ndarray
    rows: np.ndarray


class Layout(NamedTuple):
    """The places of all activations: those of a pair one behind the other, in the order of their prompts' ids."""

    pairs: list[Pair]
    start: dict[Pair, int]
    members: dict[str, np.ndarray]
    rank: dict[str, np.ndarray]
    n_prompts: int

    @property
    def layers(self) -> dict[str, list[int]]:
        """Layers by pooling."""
        return {pooling: [layer for name, layer in self.pairs if name == pooling] for pooling in self.members}


class Index:
    """Which row is which prompt at which pooling and layer; some 16 bytes a row."""

    def __init__(self, prompts: Prompts, n_layers: int | None, sources: Sequence[Source], faults: Faults) -> None:
        self.prompts, self.n_layers, self.sources, self.faults = prompts, n_layers, sources, faults
        self._numbers: dict[Pair, int] = {}
        self._prompts_seen: list[np.ndarray] = []
        self._pairs_seen: list[np.ndarray] = []
        self._starts: list[int] = []

    def read(self, advance: Advance) -> None:
        """The first pass, over all columns but the activations; adds what is wrong to the faults."""
        n_rows = 0
        for source in self.sources:
            columns = [name for name in source.schema.names if name in NAMES and name != "activation"]
            self._starts.append(n_rows)
            with reading(source, self.faults):
                for first, batch in source.batches(columns, MOST_ROWS):
                    decoded = self._decode(source, first, batch)
                    for row, sentence in decoded.wrong:
                        self.faults.add(source.place(first + row), sentence)
                    self._prompts_seen.append(decoded.prompts.astype(np.int32))
                    self._pairs_seen.append(decoded.pairs.astype(np.int32))
                    n_rows += batch.num_rows
                    advance(batch.num_rows)
                if n_rows - self._starts[-1] != source.n_rows:
                    raise OSError(f"{n_rows - self._starts[-1]} rows instead of {source.n_rows}")

    def layout(self) -> Layout:
        """The places of all rows; adds what stands twice and, where every row has its place, what is missing to the faults."""
        astray = bool(self.faults.found)
        empty = np.empty(0, np.int32)
        prompts, pairs = np.concatenate([empty, *self._prompts_seen]), np.concatenate([empty, *self._pairs_seen])
        n_prompts = len(self.prompts.prompt_ids)
        keys = np.where(pairs < 0, -1, pairs.astype(np.int64) * n_prompts + prompts)
        rows = np.argsort(keys, kind="stable")
        keys = keys[rows]
        sound = np.searchsorted(keys, 0)
        keys, rows = keys[sound:], rows[sound:]
        twice = np.flatnonzero(keys[1:] == keys[:-1])
        for row, earlier in sorted(zip(rows[twice + 1].tolist(), rows[twice].tolist(), strict=True)):
            self.faults.add(self._place(row), f"the same pooling, layer and prompt as {self._place(earlier)}")
        keys, rows = np.delete(keys, twice + 1), np.delete(rows, twice + 1)
        held: dict[Pair, _Held] = {}
        for pair, number in sorted(self._numbers.items()):
            here = slice(*np.searchsorted(keys, [number * n_prompts, (number + 1) * n_prompts]))
            if here.start < here.stop:
                held[pair] = _Held(keys[here] - number * n_prompts, rows[here])
        ids = np.asarray(self.prompts.prompt_ids)
        layout = Layout(list(held), {}, {}, {}, n_prompts)
        total = 0
        for pooling in sorted({pooling for pooling, _ in held}):
            layers = {layer: here for (name, layer), here in held.items() if name == pooling}
            every = np.unique(np.concatenate([here.prompts for here in layers.values()]))
            for layer, here in layers.items():
                if not astray and len(here.prompts) < len(every):
                    self._missing(pooling, layer, np.setdiff1d(every, here.prompts), layers)
                layout.start[pooling, layer] = total
                total += len(every)
            layout.members[pooling] = every[np.argsort(ids[every])]
            layout.rank[pooling] = np.full(n_prompts, -1)
            layout.rank[pooling][layout.members[pooling]] = np.arange(len(every))
        return layout

    def _missing(self, pooling: str, layer: int, absent: np.ndarray, layers: "dict[int, _Held]") -> None:
        for prompt in absent.tolist():
            elsewhere, row = next(
                (other, int(here.rows[at]))
                for other, here in layers.items()
                if (at := int(np.searchsorted(here.prompts, prompt))) < len(here.prompts) and here.prompts[at] == prompt
            )
            what = f"{self.prompts.emotions[prompt]} prompt {self.prompts.prompt_ids[prompt]}"
            sentence = f"the {what} is missing, which {self._place(row)} has at layer {elsewhere}"
            self.faults.add(f"pooling {pooling}, layer {layer}", sentence)

    def fill(self, scratch: "Scratch", layout: Layout, advance: Advance) -> int | None:
        """The second pass: every activation to its place, as long as nothing is at fault; the width of the activations."""
        width = None
        for source in self.sources:
            columns = [name for name in source.schema.names if name in NAMES]
            with reading(source, self.faults):
                n_rows = 0
                for first, batch in source.batches(columns, source.rows_in_a_batch()):
                    n_rows += batch.num_rows
                    found, wrong = activations_of(batch.column("activation"), width)
                    width = width or (found.values.shape[1] if len(found.rows) else None)
                    for row, sentence in sorted(wrong.items()):
                        self.faults.add(source.place(first + row), sentence)
                    if not self.faults.found:
                        places = self._places(layout, self._decode(source, first, batch))
                        scratch.put(places, found.values)
                    advance(batch.num_rows)
                if n_rows != source.n_rows:
                    raise OSError(f"{n_rows} activations instead of {source.n_rows}")
        return width

    def _places(self, layout: Layout, decoded: _Decoded) -> np.ndarray:
        names = list(self._numbers)
        if decoded.wrong or any(name not in layout.start for name in names) or len(self.prompts.prompt_ids) != layout.n_prompts:
            raise OSError("it changed while it was read")
        places = np.empty(len(decoded.pairs), np.int64)
        for number in np.unique(decoded.pairs).tolist():
            pair = names[number]
            at = decoded.pairs == number
            places[at] = layout.start[pair] + layout.rank[pair[0]][decoded.prompts[at]]
        return places

    def _decode(self, source: Source, first: int, batch: pa.RecordBatch) -> _Decoded:
        wrong: list[tuple[int, str]] = []
        prompts = self._matched(source, first, [coded(batch, name) for name in TEXTS[:4]], wrong)
        pooling, layers = coded(batch, "pooling"), layers_of(batch)
        bad = [row for row in range(len(pooling.values)) if not POOLING_NAME.fullmatch(pooling.values[row])]
        for row in np.flatnonzero(pooling.codes < 0).tolist():
            wrong.append((row, "pooling is missing"))
        for row in np.flatnonzero(np.isin(pooling.codes, bad)).tolist():
            wrong.append((row, f"pooling {pooling.value(int(pooling.codes[row]))!r} is no name: letters, digits, '_', '.', '-'"))
        too_high = layers > (self.n_layers or HIGHEST_LAYER)
        for row in np.flatnonzero((layers < 0) | too_high).tolist():
            wrong.append((row, self._wrong_layer(int(layers[row]))))
        return _Decoded(prompts, self._paired(pooling, layers, {row for row, _ in wrong}), sorted(wrong))

    def _matched(self, source: Source, first: int, columns: list[Coded], wrong: list[tuple[int, str]]) -> np.ndarray:
        _, one_row, inverse = np.unique(combined(columns), return_index=True, return_inverse=True)
        numbers = np.empty(len(one_row), np.int64)
        for i in np.argsort(one_row).tolist():
            row = int(one_row[i])
            claim = Claim(*(column.value(int(column.codes[row])) for column in columns))
            match = self.prompts.find(claim, source.place(first + row))
            numbers[i] = match.number
            if match.fault:
                wrong += [(other, match.fault) for other in np.flatnonzero(inverse == i).tolist()]
        return numbers[inverse]

    def _paired(self, pooling: Coded, layers: np.ndarray, wrong: set[int]) -> np.ndarray:
        pairs = np.full(len(layers), -1)
        sound = np.ones(len(layers), bool)
        sound[list(wrong)] = False
        at = np.flatnonzero(sound)
        _, one_row, inverse = np.unique(pooling.codes[at] << 32 | layers[at], return_index=True, return_inverse=True)
        names = [(pooling.values[pooling.codes[row]], int(layers[row])) for row in at[one_row].tolist()]
        numbers = np.array([self._numbers.setdefault(name, len(self._numbers)) for name in names], np.int64)
        pairs[at] = numbers[inverse]
        return pairs

    def _wrong_layer(self, layer: int) -> str:
        if layer == NO_LAYER:
            return "layer is missing"
        if layer < 0:
            return f"layer {layer} is negative"
        most = f"--n-layers {self.n_layers}" if self.n_layers else f"{HIGHEST_LAYER:,}, which no model has"
        return f"layer {layer} is beyond {most}"

    def _place(self, row: int) -> str:
        number = bisect_right(self._starts, row) - 1
        return self.sources[number].place(row - self._starts[number])


class Scratch:
    """float32 rows [place, d_model] in a nameless file beside the store, so that memory need not hold them."""

    def __init__(self, root: Path) -> None:
        folder = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by __exit__)
        self._width = 0

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, places: np.ndarray, values: np.ndarray) -> None:
        """Store rows at places; EmoError where the disk is full."""
        self._width = values.shape[1]
        order = np.argsort(places)
        ordered = np.ascontiguousarray(values[order], dtype="<f4")
        try:
            for start, stop in _runs(places[order]):
                self._file.seek(int(places[order[start]]) * self._width * 4)
                self._file.write(ordered[start:stop].data)
        except OSError as error:
            raise EmoError(
                f"the activations do not fit beside the store: {error.strerror}",
                hint="an import needs room for twice its activations as float32",
            ) from error

    def get(self, places: np.ndarray) -> np.ndarray:
        """The rows at places, in that order."""
        order = np.argsort(places)
        values = np.empty((len(places), self._width), "<f4")
        for start, stop in _runs(places[order]):
            self._file.seek(int(places[order[start]]) * self._width * 4)
            content = self._file.read((stop - start) * self._width * 4)
            values[order[start:stop]] = np.frombuffer(content, "<f4").reshape(stop - start, self._width)
        return values


def _runs(ordered: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of numbers that follow each other, as (start, stop)."""
    if len(ordered):
        yield from pairwise([0, *(np.flatnonzero(np.diff(ordered) != 1) + 1).tolist(), len(ordered)])
