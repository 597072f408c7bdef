"""How models are changed along their directions: what is asked for, and the run that it is in the store."""

from dataclasses import dataclass
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

CONTROLS = 100
"""Directions of permuted labels that are run, for each emotion or, against `others`, for all."""

METHOD = "mean_difference"
"""The method whose directions are in the unit of activations, so that they can be added to them."""

NORM, VECTOR = "norm", "vector"
ADD = "add"
BEST, ALL = "best", "all"


@dataclass(frozen=True)
class Steering:
    """What `emo steer` is asked for; `layer` is `best`, `all` or a list of layers, and `alphas` are multiples of `unit`."""

    layer: str = BEST
    alphas: tuple[float, ...] = ALPHAS
    unit: str = NORM
    positions: str = "all"
    prefix: str | None = None
    operation: str = ADD
    controls: int = CONTROLS
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
        identity = {
            "extraction_id": self.extraction.extraction_id,
            "test_dataset": self.test.dataset,
            "test_sha256": self.test.prompts_sha256,
            "neutral": self.neutral,
            "unit": self.steering.unit,
            "positions": self.steering.positions,
            "prefix": self.steering.prefix,
            "operation": self.steering.operation,
        }
        return content_hash(identity)[:16]

    def partition(self, store: Store, table: str) -> Partition:
        """Its part of a table."""
        return store.partition(table, dataset=self.extraction.dataset, model=self.extraction.model, run_id=self.run_id)


def runs(job: Job, steering: Steering) -> list[Run]:
    """Every train set under a model with every test set of the job; none where the job finds no models, as they must run.

    MissingError where activations are not there.
    """
    if not job.sources:
        return []
    tests = [extraction for extraction in job.extractions if extraction.role == "test"]
    chosen = []
    for extraction in job.with_activations:
        if depth(job.store, extraction) is None:
            hint = f"emo extract -d {extraction.dataset} -m {extraction.model}"
            raise MissingError(f"{extraction.subject}: its activations are not in the store", hint=hint)
        of_model = [test for test in tests if test.model == extraction.model]
        chosen += [Run(extraction, test, steering, job.settings.neutral) for test in of_model]
    return chosen


def variants_steered(settings: Settings, pooling: str) -> list[Variant]:
    """The reference asked for; where none was, the neutral label, and the other emotions."""
    references = (settings.reference,) if "reference" in settings.sources else (settings.neutral, OTHERS)
    return [Variant(METHOD, reference, pooling) for reference in dict.fromkeys(references)]
