"""Extractions, planned or in the store: which dataset under which model with which settings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.job.datasets import Version, _role, known_datasets
from emotion_cli.models.sources.controls import WITHOUT_PASSES, base_of, kind_of
from emotion_cli.models.sources.embedded import EMBEDDED
from emotion_cli.models.sources.finding import find
from emotion_cli.prompts.shipped import shipped_prompt_set
from emotion_cli.recipes import DEFAULT
from emotion_cli.settings import Settings
from warehouse.schema import SCHEMA_VERSION
from warehouse.store import Partition, Store, content_hash

if TYPE_CHECKING:
    from emotion_cli.models.sources.finding import ModelSource

Pairs = dict[str, list[int]]
"""Layers by pooling."""

MADE_WITH = ("bos", "dtype", "chat_template")
"""Settings of an extraction that, where they are given, say which of several extractions is meant."""


MEAN = "mean"
"""The one pooling of controls that run no model."""

COMPLETE, VECTORS_ONLY = "complete", "vectors only"
"""Status of an extraction: its activations are there, or only vectors that were made of them elsewhere."""


@dataclass(frozen=True)
class Extraction:
    """One extraction, planned or in the store: a version of a dataset under a model with its settings."""

    dataset: str
    role: str
    prompts_sha256: str
    model: str
    extraction_id: str
    has_activations: bool = True
    template_sha256: str | None = None
    """Hash of a text in its chat template when it was planned; not read back from the store."""

    @property
    def subject(self) -> str:
        """The name in messages."""
        return f"{self.dataset}, {self.model}"

    @property
    def control(self) -> str | None:
        """The kind of control that it is of, which its model's name says; None for a model."""
        return kind_of(self.model)

    @property
    def has_passes(self) -> bool:
        """Whether a model reads the tokens; `words` and `embeddings` have one layer and one pooling, the mean over a text."""
        return self.control not in WITHOUT_PASSES

    def stored_pooling(self, pooling: str) -> str:
        """The pooling of its rows that stand for a model's rows of this pooling."""
        return pooling if self.has_passes else MEAN

    def partition(self, store: Store, table: str) -> Partition:
        """Its part of a table."""
        return store.partition(table, dataset=self.dataset, model=self.model, extraction_id=self.extraction_id)

    def prompts(self, store: Store) -> Partition:
        """The version of the dataset that it is over."""
        return store.partition("prompts", dataset=self.dataset, prompts_sha256=self.prompts_sha256)


def extractions_in_store(store: Store, settings: Settings) -> list[Extraction]:
    """The newest complete extraction of each dataset and model asked for; MissingError when one asked for is not there."""
    asked = [asked_model(store, settings.cache, model) for model in settings.model]
    # only what was asked for is read: a damaged row of another model must not be in the way
    rows = [
        _extraction_row(partition)
        for partition in store.partitions("extractions")
        if (not settings.dataset or partition.keys["dataset"] in settings.dataset)
        and (not asked or any(partition.keys["model"] in model.names for model in asked))
    ]
    if settings.extraction:
        chosen = [_named(rows, start) for start in settings.extraction]
    else:
        newest: dict[tuple[str, str], dict] = {}

        # activations can do all that vectors can: those come before these, however old they are
        def rank(row: dict) -> tuple:
            return row["status"] != VECTORS_ONLY, row["created_at"], row["extraction_id"]

        for row in sorted(_made_so(rows, settings), key=rank):
            newest[row["dataset"], row["model"]] = row
        chosen = list(newest.values())
    matching = [
        row
        for row in chosen
        if (not settings.dataset or row["dataset"] in settings.dataset)
        and (not asked or any(model.is_of(row) for model in asked))
    ]
    _refuse_absent(settings, asked, matching)
    order = {name: i for i, name in enumerate(known_datasets(store))}
    extractions = [
        Extraction(
            row["dataset"],
            _role_of(store, row),
            row["prompts_sha256"],
            row["model"],
            row["extraction_id"],
            row["status"] != VECTORS_ONLY,
        )
        for row in sorted(matching, key=lambda row: (order.get(row["dataset"], len(order)), row["dataset"], row["model"]))
    ]
    refuse_test_sets(settings, extractions)
    return extractions


SAME_SETTINGS = (
    "weights_sha256",
    "tokenizer_sha256",
    "dtype",
    "bos",
    "chat_template",
    "template_sha256",
    "max_length",
    "truncate",
)
"""Columns of an extraction in which two that are compared must not differ."""


def extractions_of_test_sets(store: Store, extraction: Extraction) -> list[Extraction]:
    """The newest extraction of each test set under the same model with the same settings."""
    described = extraction.partition(store, "extractions")
    if described.manifest() is None:
        return []
    settings = described.read(SAME_SETTINGS).to_pylist()
    newest: dict[str, dict] = {}
    for partition in store.partitions("extractions", model=extraction.model):
        row = _extraction_row(partition)
        if partition.read(SAME_SETTINGS).to_pylist() == settings and _role_of(store, row) == "test":
            rank = (row["created_at"], row["extraction_id"])
            former = newest.get(row["dataset"])
            if former is None or rank > (former["created_at"], former["extraction_id"]):
                newest[row["dataset"]] = row
    return [
        Extraction(dataset, "test", row["prompts_sha256"], row["model"], row["extraction_id"])
        for dataset, row in sorted(newest.items())
    ]


def with_activations(extractions: Sequence[Extraction], note: Callable[[str], None]) -> list[Extraction]:
    """Those that have activations, with a note of the others; MissingError when no extraction has."""
    lacking = [extraction for extraction in extractions if not extraction.has_activations]
    if lacking and len(lacking) == len(extractions):
        hint = f"emo extract -d {quote(lacking[0].dataset)} -m {quote(lacking[0].model)}"
        raise MissingError(
            f"{lacking[0].subject}: it has imported vectors only, without activations: these can be queried, "
            "compared, plotted and exported",
            hint=hint,
        )
    for extraction in lacking:
        note(f"{extraction.subject}: left out, it has imported vectors only, without activations")
    return [extraction for extraction in extractions if extraction.has_activations]


def refuse_test_sets(settings: Settings, extractions: Iterable[Extraction]) -> None:
    """UsageError when a test set was named for work that makes vectors."""
    named = sorted(
        {extraction.dataset for extraction in extractions if extraction.role == "test" and extraction.dataset in settings.dataset}
    )
    if named:
        raise UsageError(f"{', '.join(named)} is a test set: it never makes a vector", hint="emo datasets list shows each role")


class AskedModel(NamedTuple):
    """A model as it was given, its names in the store, and its hashes where it was given as a folder or file.

    No name means that the store holds nothing with these weights.
    """

    given: str
    names: tuple[str, ...]
    hashes: tuple[str, str] | None = None

    def is_of(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of `extractions` is of this model."""
        return row["model"] in self.names and self.hashes in (None, _hashes(row))


def asked_model(store: Store, cache: Path, given: str) -> AskedModel:
    """What `-m GIVEN` stands for in a store: a folder or GGUF file is known by its weights, whatever it is called there."""
    base = base_of(given) or given
    path = Path(base)
    is_file = path.suffix == ".gguf" and path.is_file()
    if base in EMBEDDED or not (is_file or (path / "config.json").is_file()):
        return AskedModel(given, (given,))
    source = find(given, cache=cache)
    # those of the same name first: a damaged row of another model must not be in the way
    namesakes = store.partitions("extractions", model=source.name)
    for partitions in (namesakes, store.partitions("extractions")):
        names = {partition.keys["model"] for partition in partitions if _hashes(_extraction_row(partition)) == source.hashes}
        if names:
            return AskedModel(given, tuple(sorted(names)), source.hashes)
    return AskedModel(given, (), source.hashes)


def prompt_ids(store: Store, extraction: Extraction) -> set[str]:
    """The prompts of an extraction; those of a shipped set before it is in the store."""
    partition = extraction.prompts(store)
    if partition.manifest() is None:
        return set(shipped_prompt_set(extraction.dataset).columns()["prompt_id"])
    return set(partition.read(["prompt_id"])["prompt_id"].to_pylist())


def prompt_rows(store: Store, extraction: Extraction, columns: Sequence[str]) -> pa.Table:
    """Columns of the prompts of an extraction, in file order."""
    return extraction.prompts(store).read(columns)


def _refuse_absent(settings: Settings, models: Sequence[AskedModel], matching: Sequence[dict]) -> None:
    for dataset in settings.dataset or [None]:
        for model in models or [None]:
            if not any(dataset in (None, row["dataset"]) and (model is None or model.is_of(row)) for row in matching):
                requested = " under ".join(filter(None, [dataset, model and model.given])) or "this store"
                options = "".join(f" -d {quote(dataset)}" if dataset else "") + (f" -m {quote(model.given)}" if model else "")
                options += f" --recipe {settings.recipe}" if settings.recipe != DEFAULT else ""
                made = "".join(f", {name} {getattr(settings, name)}" for name in MADE_WITH if name in settings.sources)
                raise MissingError(f"no activations of {requested}{made} are there", hint=f"emo extract{options}")


def _made_so(rows: Sequence[dict], settings: Settings) -> list[dict]:
    """The extractions that were made with the settings that somebody gave; those that were imported do not say."""
    asked = {name: getattr(settings, name) for name in MADE_WITH if name in settings.sources}
    if asked.get("dtype") == "auto":
        asked["dtype"] = "float32"
    return [row for row in rows if all(row[name] in (None, value) for name, value in asked.items())]


def _named(rows: Sequence[dict], start: str) -> dict:
    matching = [row for row in rows if row["extraction_id"].startswith(start)]
    if len(matching) != 1:
        problem = "no extraction's id begins" if not matching else f"{len(matching)} extractions' ids begin"
        raise MissingError(f"{problem} with {start}", hint='emo sql "select extraction_id, dataset, model from extractions"')
    return matching[0]


def _extraction_row(partition: Partition) -> dict:
    columns = ["prompts_sha256", "created_at", "status", "weights_sha256", "tokenizer_sha256", *MADE_WITH]
    row = partition.read(columns).to_pylist()[0]
    return {**partition.keys, **row}


def _hashes(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["weights_sha256"], row["tokenizer_sha256"]


def _role_of(store: Store, row: dict) -> str:
    if row["status"] == VECTORS_ONLY:
        return "train"  # a test set makes no vectors; its prompts need not be here
    return _role(store.partition("prompts", dataset=row["dataset"], prompts_sha256=row["prompts_sha256"]))


LAST = "last"
"""The pooling of which each row is one token's state."""


DEFAULT_POOLINGS = (LAST,)


WORD = "word"
"""The pooling that needs a word list."""


CONTENT = "content"
"""The pooling that reads the last word of a text."""


def planned_extraction(
    settings: Settings, version_: Version, source: "ModelSource", template_sha256: str | None = None
) -> Extraction:
    """The extraction of one dataset under one model; its id is a hash of all that changes the numbers, and of the two names.

    The names, because two datasets may hold the same texts and two names stand for the same weights: tables are joined by the id.
    """
    has_passes = source.kind not in WITHOUT_PASSES
    # what changes a forward pass changes nothing where there is none
    made_with = {
        "dtype": _dtype(settings),
        "bos": settings.bos,
        "chat_template": settings.chat_template,
        "template_sha256": template_sha256,
        "max_length": settings.max_length,
        "truncate": settings.truncate,
        "trust_remote_code": settings.trust_remote_code,
    }
    identity = {
        "dataset": version_.dataset,
        "model": source.name,
        "prompts_sha256": version_.prompts_sha256,
        "weights_sha256": source.weights_sha256,
        "tokenizer_sha256": source.tokenizer_sha256,
        **(made_with if has_passes else {}),
        "schema_version": SCHEMA_VERSION,
    }
    return Extraction(
        version_.dataset,
        version_.role,
        version_.prompts_sha256,
        source.name,
        content_hash(identity)[:16],
        template_sha256=template_sha256,
    )


def pairs_of(partition: Partition) -> Pairs:
    """The (pooling, layer) pairs that a partition of activations holds."""
    manifest = partition.manifest()
    return manifest.inputs["pairs"] if manifest else {}


def depth(store: Store, extraction: Extraction) -> int | None:
    """Decoder blocks of an extraction's model; None before the first extraction and where it is not known."""
    partition = extraction.partition(store, "extractions")
    return partition.read(["n_layers"])["n_layers"][0].as_py() if partition.manifest() else None


def _dtype(settings: Settings) -> str:
    return "float32" if settings.dtype == "auto" else settings.dtype
