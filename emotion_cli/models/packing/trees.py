"""Prompts to batches: prefix trees that hold each shared beginning once, sorted batches, or single prompts.

A decoder's activation at a token depends only on the tokens before it. So the unique prefixes of many prompts are laid out
as the nodes of trees, a tree as one row of a batch, and every prompt is the path from a root to its last node.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

STRATEGIES = ("tree", "sorted", "single")
"""From the fastest to the one that needs no proof; each falls back on the next."""


WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
"""Sizes of a tree that are weighed: a larger one shares more, and its attention costs more."""


OPEN_ROWS = 16
"""Trees that still grow at once: more fill the trees better, and take longer to search."""


Cost = Callable[[int, int], float]
"""Cost of a row from its width and the most tokens that each token sees (in arbitrary units)."""


@dataclass
class Row:
    """Token prefixes laid out as one sequence, each after the one that it continues; `paths` by prompt, in nodes."""

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    paths: dict[int, list[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def is_path(self) -> bool:
        """Whether nothing branches, so that the plain causal order says what a token sees."""
        return all(parent == i - 1 for i, parent in enumerate(self.parents))

    def add(self, prompt: int, ids: Sequence[int], beside: int | None = None, shared: int = 0) -> None:
        """Add a prompt whose first `shared` tokens are those of the prompt `beside`, the one added last: masks rely on that."""
        path = self.paths[beside][:shared] if beside is not None else []
        for depth in range(shared, len(ids)):
            self.tokens.append(ids[depth])
            self.depths.append(depth)
            self.parents.append(path[-1] if path else -1)
            path.append(len(self.tokens) - 1)
        self.paths[prompt] = path

    def renumbered(self, prompts: Sequence[int]) -> "Row":
        """The same row, where prompt i is prompt `prompts[i]` of a larger set."""
        return Row(self.tokens, self.depths, self.parents, {prompts[i]: path for i, path in self.paths.items()})


@dataclass(eq=False)
class _Growing:
    """A row that takes more, the prompt that it took last, and how many first tokens that one shares with the prompt at hand."""

    row: Row
    last: int
    shared: int


@dataclass(frozen=True)
class Batch:
    """Rows that run together, filled up to the longest of them."""

    rows: Sequence[Row]

    @cached_property
    def width(self) -> int:
        """Tokens of the longest row."""
        return max(map(len, self.rows))

    @cached_property
    def is_causal(self) -> bool:
        """Whether every row is a path: padding stands after it and is never seen, so no mask is needed."""
        return all(row.is_path for row in self.rows)

    @property
    def prompts(self) -> list[int]:
        """The prompts in it."""
        return [prompt for row in self.rows for prompt in row.paths]

    @property
    def size(self) -> int:
        """Tokens that go through the model, filling included."""
        return len(self.rows) * self.width


def pack(
    ids: Sequence[Sequence[int]],
    strategy: str,
    *,
    budget: int,
    widest: int | None = None,
    cost: Cost = lambda width, seen: width,
) -> list[Batch]:
    """Batches of at most `budget` tokens over distinct prompts; trees at most `widest` nodes, of the least `cost`.

    What is longer than the budget runs alone: a prompt, or a tree of long prompts that share much. The result depends on
    the prompts and these numbers only.
    """
    if strategy == "tree":
        most = max(budget, 2 * max(map(len, ids), default=1))
        widths = sorted({min(width, most, widest or most) for width in WIDTHS})
        return min((_batches(tree_rows(ids, width), budget) for width in widths), key=lambda batches: _total(batches, cost))
    return _batches(path_rows(ids), budget if strategy == "sorted" else 1)


def path_rows(ids: Sequence[Sequence[int]]) -> list[Row]:
    """One row a prompt."""
    rows = [Row() for _ in ids]
    for prompt, row in enumerate(rows):
        row.add(prompt, ids[prompt])
    return rows


def tree_rows(ids: Sequence[Sequence[int]], width: int) -> list[Row]:
    """Rows of at most `width` nodes in which shared beginnings stand once; a longer prompt is a row of its own.

    Prompts come in lexicographic order, so the longest beginning that a row shares with the next prompt is the one of the
    prompt that it took last, and that is no longer than any two neighbours between the two share. A prompt goes where it shares
    most, among equals where it leaves the least room.
    """
    rows: list[Row] = []
    growing: list[_Growing] = []
    before: Sequence[int] = ()
    for prompt in sorted(range(len(ids)), key=lambda i: list(ids[i])):
        tokens = ids[prompt]
        neighbours = common_prefix(before, tokens)
        before = tokens
        best, most = None, (-1, 0)
        for candidate in growing:
            candidate.shared = min(candidate.shared, neighbours)
            room = width - len(candidate.row) - len(tokens) + candidate.shared
            if room >= 0 and (candidate.shared, -room) > most:
                best, most = candidate, (candidate.shared, -room)
        if best:
            best.row.add(prompt, tokens, best.last, best.shared)
            best.last, best.shared = prompt, len(tokens)
            continue
        row = Row()
        row.add(prompt, tokens)
        rows.append(row)
        if len(row) < width:
            growing.append(_Growing(row, prompt, len(tokens)))
            if len(growing) > OPEN_ROWS:
                growing.remove(max(growing, key=lambda candidate: len(candidate.row)))
    return rows


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """How many first tokens two prompts share."""
    shared = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        shared += 1
    return shared


def halves(batch: Batch, ids: Sequence[Sequence[int]]) -> list[Batch]:
    """The prompts of a batch in batches half as large, for when memory runs out; one prompt cannot be halved."""
    if len(batch.rows) > 1:
        middle = len(batch.rows) // 2
        return [Batch(batch.rows[:middle]), Batch(batch.rows[middle:])]
    prompts = batch.prompts
    smaller = tree_rows([ids[prompt] for prompt in prompts], batch.width // 2)
    return [Batch([row.renumbered(prompts)]) for row in smaller]


def _batches(rows: Sequence[Row], budget: int) -> list[Batch]:
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: -len(row)):
        # the longest comes first, so a batch's width is its first row's
        if groups and (len(groups[-1]) + 1) * len(groups[-1][0]) <= budget:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [Batch(group) for group in groups]


def _total(batches: Sequence[Batch], cost: Cost) -> float:
    # a causal kernel skips what is not seen, half of it on average
    return sum(len(batch.rows) * cost(batch.width, batch.width // 2 if batch.is_causal else batch.width) for batch in batches)
