"""How models are changed along their directions: what is asked for, and the run that it is in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from typing import NamedTuple

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.job.extractions import Extraction, depth
from emotion_cli.job.job import Job
from emotion_cli.job.variants import Variant
from emotion_cli.measures.labels import OTHERS
from emotion_cli.settings import Settings, layer_numbers, parse_layers
from warehouse.store import Partition, Store, content_hash

ALPHAS = (0.05, 0.1, 0.2, 0.4)
"""Multiples of the mean length of a layer's states; above 0.4 the model rarely writes sentences."""

CONTROLS_A_TEST = 20
"""Directions of permuted labels for each test: with so many, an effect that stands alone among the tests can have q < 0.05.

With n directions no p is below 1 / (n + 1), and the q of the only small p among m tests is m times that.
"""

METHOD = "mean_difference"
"""The method whose directions are in the unit of activations, so that they can be added to them."""

TOKENS = 60
"""Tokens of a written text at most: a few sentences."""

NORM, VECTOR = "norm", "vector"
ADD = "add"
BEST, ALL = "best", "all"

PERMUTED_DIRECTION, UNCHANGED = "permuted", "unchanged"
"""What is added where it is no emotion's direction: one of permuted labels, or nothing."""


@dataclass(frozen=True)
class Steering:
    """What `emo steer` is asked for; `layer` is `best`, `all` or a list of layers, and `alphas` are multiples of `unit`."""

    layer: str = BEST
    alphas: tuple[float, ...] = ALPHAS
    unit: str = NORM
    positions: str = "all"
    prefix: str | None = None
    operation: str = ADD
    controls: int | None = None
    """Directions of permuted labels that are added; None: as many as an effect that stands alone needs."""
    finite: bool = True
    """Whether anything is added to states; without it effects are known to first order only."""

    def layers(self, n_layers: int, best: int) -> list[int]:
        """The layers at which something is added."""
        if self.layer == BEST:
            return [best]
        chosen = range(n_layers + 1) if self.layer == ALL else layer_numbers(parse_layers("--layer", self.layer), n_layers)
        beyond = [layer for layer in chosen if layer > n_layers]
        if beyond:
            raise UsageError(f"--layer: {beyond[0]} is not a layer of this model, 0 to {n_layers}", hint=f"--layer 0-{n_layers}")
        return list(chosen)


@dataclass(frozen=True)
class Writing:
    """What is written: `n` texts under each direction and alpha, of at most `tokens`; greedy without a temperature."""

    n: int
    tokens: int = TOKENS
    temperature: float | None = None


class Run(NamedTuple):
    """One extraction's directions, tried on one test set in one way."""

    extraction: Extraction
    test: Extraction
    steering: Steering
    neutral: str

    @property
    def subject(self) -> str:
        """The name in messages."""
        return f"{self.extraction.subject}, on {self.test.dataset}"

    @property
    def run_id(self) -> str:
        """Content hash of all that says what was done; alphas, layers and references are added to a run."""
        tried = {"test_dataset": self.test.dataset, "test_sha256": self.test.prompts_sha256}
        return _run_id(self.extraction, self.steering, self.neutral, tried)

    def partition(self, store: Store, table: str) -> Partition:
        """Its part of a table."""
        return _partition(store, table, self.extraction, self.run_id)


class WritingRun(NamedTuple):
    """One extraction's directions, under which its model writes behind one beginning; no test set is read."""

    extraction: Extraction
    steering: Steering
    neutral: str
    writing: Writing

    @property
    def subject(self) -> str:
        """The name in messages."""
        return f"{self.extraction.subject}, writing"

    @property
    def run_id(self) -> str:
        """Content hash of all that says how texts were written; further ones, alphas, layers and references are added."""
        written = {"tokens": self.writing.tokens, "temperature": self.writing.temperature}
        return _run_id(self.extraction, self.steering, self.neutral, written)

    def partition(self, store: Store, table: str) -> Partition:
        """Its part of a table."""
        return _partition(store, table, self.extraction, self.run_id)


def _run_id(extraction: Extraction, steering: Steering, neutral: str, further: Mapping[str, object]) -> str:
    identity = {
        "extraction_id": extraction.extraction_id,
        "neutral": neutral,
        "unit": steering.unit,
        "positions": steering.positions,
        "prefix": steering.prefix,
        "operation": steering.operation,
    }
    return content_hash(identity | dict(further))[:16]


def _partition(store: Store, table: str, extraction: Extraction, run_id: str) -> Partition:
    return store.partition(table, dataset=extraction.dataset, model=extraction.model, run_id=run_id)


def runs(job: Job, steering: Steering) -> list[Run]:
    """Every train set under a model with every test set of the job; none where the job finds no models, as they must run.

    MissingError where activations are not there.
    """
    tests = [extraction for extraction in job.extractions if extraction.role == "test"]
    return [
        Run(extraction, test, steering, job.settings.neutral)
        for extraction in _with_directions(job)
        for test in tests
        if test.model == extraction.model
    ]


def writing_runs(job: Job, steering: Steering, writing: Writing) -> list[WritingRun]:
    """Every train set under a model; MissingError where activations are not there."""
    return [WritingRun(extraction, steering, job.settings.neutral, writing) for extraction in _with_directions(job)]


def _with_directions(job: Job) -> list[Extraction]:
    """Extractions that give directions, of models that can be run."""
    chosen = job.with_activations if job.sources else []
    for extraction in chosen:
        if depth(job.store, extraction) is None:
            hint = f"emo extract -d {quote(extraction.dataset)} -m {quote(extraction.model)}"
            raise MissingError(f"{extraction.subject}: its activations are not in the store", hint=hint)
    return list(chosen)


def variants_steered(settings: Settings, pooling: str) -> list[Variant]:
    """The reference asked for; where none was, the neutral label, and the other emotions."""
    references = (settings.reference,) if "reference" in settings.sources else (settings.neutral, OTHERS)
    return [Variant(METHOD, reference, pooling) for reference in dict.fromkeys(references)]
