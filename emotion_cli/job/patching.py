"""What is carried between texts of a test set: what is asked for, and the run that it is in the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from emotion_cli.errors import UsageError
from emotion_cli.job.extractions import Extraction
from emotion_cli.job.job import Job
from emotion_cli.job.steering import ALL, BEST, Steering, runs
from emotion_cli.suggestions import unknown
from warehouse.store import Partition, Store, content_hash

SUFFIX = " I feel"
"""What stands behind both texts of a pair: its tokens are the same, so that states at them can be exchanged."""

CONTROLS = 100
"""Directions of permuted labels along which states are carried, too, for each emotion."""

DIRECTION = "direction"
SITES = ("residual", DIRECTION, "head", "mlp")
"""What is carried: all of a state, its component along the emotion's direction, what one head gives, what an MLP writes."""

WHOLE_SUFFIX, TEXT = "suffix", "text"
"""Where: all tokens of the suffix; the tokens of the text, over which a direction's component is averaged."""


@dataclass(frozen=True)
class Patching:
    """What `emo patch` is asked for; `layer` is `best`, `all` or a list; no `positions` are those that a site has by default."""

    site: str = SITES[0]
    suffix: str = SUFFIX
    layer: str | None = None
    positions: tuple[str, ...] = ()
    is_real: bool = False
    controls: int = CONTROLS

    @property
    def layers(self) -> str:
        """The layers asked for: all, but for directions that are really carried, whose null takes many passes."""
        return self.layer or (BEST if self.site == DIRECTION and self.is_real else ALL)


class PatchingRun(NamedTuple):
    """States carried from one extraction's model's texts of a test set into neutral ones."""

    extraction: Extraction
    test: Extraction
    patching: Patching
    neutral: str
    reference: str
    pooling: tuple[str, ...]
    words_sha256: str

    @property
    def subject(self) -> str:
        """The name in messages."""
        return f"{self.extraction.subject}, {self.patching.site} on {self.test.dataset}"

    @property
    def steering(self) -> Steering:
        """The layers, as a run that makes directions is asked for them."""
        return Steering(self.patching.layers, finite=False)

    @property
    def run_id(self) -> str:
        """Content hash of all that says what was carried where; whether really, or to first order only, is not in it."""
        patching = self.patching
        identity = {
            "extraction_id": self.extraction.extraction_id,
            "test_dataset": self.test.dataset,
            "test_sha256": self.test.prompts_sha256,
            "neutral": self.neutral,
            "reference": self.reference,
            "pooling": list(self.pooling),
            "words": self.words_sha256,
            "site": patching.site,
            "suffix": patching.suffix,
            "layers": patching.layers,
            "positions": list(patching.positions),
        }
        return content_hash(identity)[:16]

    def reads(self, store: Store) -> dict[str, Partition]:
        """What the run is made of: activations and prompts of the train set, and the test set's prompts."""
        return {
            "activations": self.extraction.partition(store, "activations"),
            "prompts": self.extraction.prompts(store),
            "test prompts": self.test.prompts(store),
        }

    def partition(self, store: Store, table: str) -> Partition:
        """Its part of a table."""
        return store.partition(table, dataset=self.extraction.dataset, model=self.extraction.model, run_id=self.run_id)


def patching_runs(job: Job, chosen: Sequence[Patching], words_sha256: str) -> list[PatchingRun]:
    """Every train set under a model with every test set of the job, each in the ways asked for."""
    settings = job.settings
    reference = settings.reference if "reference" in settings.sources else settings.neutral
    return [
        PatchingRun(run.extraction, run.test, patching, settings.neutral, reference, tuple(settings.pooling), words_sha256)
        for patching in chosen
        for run in runs(job, Steering(finite=False))
    ]


def checked(patching: Patching) -> Patching:
    """The same; UsageError for a site that is not known, for texts without a common end, and for places that do not align."""
    if patching.site not in SITES:
        raise unknown("--site", patching.site, SITES)
    if not patching.suffix.strip():
        raise UsageError(
            "--suffix: it holds no text, and positions are counted from the end of what all texts share",
            hint=f"--suffix '{SUFFIX}'",
        )
    if TEXT in patching.positions and patching.site != DIRECTION:
        raise UsageError(
            f"--positions {TEXT}: tokens of two texts do not align, so no whole {patching.site} can be carried there",
            hint=f"--site {DIRECTION} --positions {TEXT} carries the mean component along a direction; else --positions suffix",
        )
    for name in patching.positions:
        if name not in (WHOLE_SUFFIX, TEXT) and not (name.startswith("-") and name[1:].isdecimal() and int(name) < 0):
            raise UsageError(
                f"--positions: {name!r} is neither {WHOLE_SUFFIX}, {TEXT} nor a place from the end", hint="--positions -1,suffix"
            )
    return patching


def places_of(patching: Patching, n_suffix: int) -> tuple[str, ...]:
    """Names of the places at which a site is patched, of a suffix of so many tokens."""
    beyond = [name for name in patching.positions if name not in (WHOLE_SUFFIX, TEXT) and -int(name) > n_suffix]
    if beyond:
        raise UsageError(
            f"--positions {beyond[0]}: the suffix {patching.suffix!r} has {n_suffix} tokens", hint=f"--positions -{n_suffix}"
        )
    if patching.positions:
        return patching.positions
    each = tuple(f"-{i}" for i in range(1, n_suffix + 1))
    return {
        SITES[0]: (*each, WHOLE_SUFFIX) if n_suffix > 1 else each,
        DIRECTION: (WHOLE_SUFFIX, TEXT),
    }.get(patching.site, (WHOLE_SUFFIX,))


def positions_of(place: str, n_tokens: int, n_suffix: int) -> tuple[int, ...]:
    """Absolute positions of a named place in a text of so many tokens, suffix included; never position 0."""
    if place == TEXT:
        return tuple(range(1, n_tokens - n_suffix))
    if place == WHOLE_SUFFIX:
        return tuple(range(n_tokens - n_suffix, n_tokens))
    return (n_tokens + int(place),)
