"""What the work is about: the extractions of the datasets and models that were asked for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.models.embedded import EMBEDDED
from emotion_cli.models.loading import find
from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets
from emotion_cli.recipes import DEFAULT
from emotion_cli.settings import Settings
from emotion_cli.suggestions import unknown
from warehouse.store import Partition, Store, table_of

MADE_WITH = ("bos", "dtype", "chat_template")
"""Settings of an extraction that, where they are given, say which of several extractions is meant."""

COMPLETE, VECTORS_ONLY = "complete", "vectors only"
"""Status of an extraction: its activations are there, or only vectors that were made of them elsewhere."""


@dataclass(frozen=True)
class Scope:
    """One extraction, planned or in the store: a version of a dataset under a model with its settings."""

    dataset: str
    role: str
    prompts_sha256: str
    model: str
    extraction_id: str
    has_activations: bool = True
    template_sha256: str | None = None
    """What its chat template made of a text when it was planned; not read back from the store."""

    @property
    def subject(self) -> str:
        """What a person calls it."""
        return f"{self.dataset}, {self.model}"

    def partition(self, store: Store, table: str) -> Partition:
        """Its part of a table."""
        return store.partition(table, dataset=self.dataset, model=self.model, extraction_id=self.extraction_id)

    def prompts(self, store: Store) -> Partition:
        """The version of the dataset that it is over."""
        return store.partition("prompts", dataset=self.dataset, prompts_sha256=self.prompts_sha256)


@dataclass(frozen=True)
class Version:
    """The newest version of a dataset."""

    dataset: str
    role: str
    prompts_sha256: str


def known_datasets(store: Store) -> list[str]:
    """Names of all prompt sets: those that ship, then those that were imported."""
    stored = {partition.keys["dataset"] for partition in store.partitions("prompts")}
    return [*shipped_sets(), *sorted(stored - set(shipped_sets()))]


def newest_version(store: Store, dataset: str) -> Version:
    """The newest version of a dataset in the store, else the shipped set; UsageError when neither is there."""
    partitions = store.partitions("prompts", dataset=dataset)
    if partitions:
        newest = max(partitions, key=_committed_at)
        return Version(dataset, _role(newest), newest.keys["prompts_sha256"])
    if dataset in shipped_sets():
        prompt_set = shipped_prompt_set(dataset)
        return Version(dataset, prompt_set.role, prompt_set.sha256)
    raise unknown("--dataset", dataset, known_datasets(store), hint=f"emo datasets import FILE.jsonl --dataset {dataset}")


def ensure_imported(store: Store, dataset: str) -> Version:
    """The newest version, with a shipped set written to the store on its first use."""
    version = newest_version(store, dataset)
    partition = store.partition("prompts", dataset=dataset, prompts_sha256=version.prompts_sha256)
    if partition.manifest() is None:
        prompt_set = shipped_prompt_set(dataset)
        # two runs that begin at once both come here: the second finds it done
        with partition.hold(wait=True):
            if partition.manifest() is None:
                partition.commit([partition.write([table_of("prompts", prompt_set.columns())])], {"source": "shipped"})
    return version


def scopes_in_store(store: Store, settings: Settings) -> list[Scope]:
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
        chosen = [_named(rows, wanted) for wanted in settings.extraction]
    else:
        newest: dict[tuple[str, str], dict] = {}

        # activations can do all that vectors can: those come before these, however old they are
        def rank(row: dict) -> tuple:
            return row["status"] != VECTORS_ONLY, row["created_at"], row["extraction_id"]

        for row in sorted(_made_so(rows, settings), key=rank):
            newest[row["dataset"], row["model"]] = row
        chosen = list(newest.values())
    found = [
        row for row in chosen
        if (not settings.dataset or row["dataset"] in settings.dataset)
        and (not asked or any(model.is_of(row) for model in asked))
    ]  # fmt: skip
    _refuse_absent(settings, asked, found)
    order = {name: i for i, name in enumerate(known_datasets(store))}
    scopes = [
        Scope(row["dataset"], _role_of(store, row), row["prompts_sha256"], row["model"], row["extraction_id"],
              row["status"] != VECTORS_ONLY)
        for row in sorted(found, key=lambda row: (order.get(row["dataset"], len(order)), row["dataset"], row["model"]))
    ]  # fmt: skip
    refuse_test_sets(settings, scopes)
    return scopes


SAME_SETTINGS = (
    "weights_sha256", "tokenizer_sha256", "dtype", "bos", "chat_template", "template_sha256", "max_length", "truncate",
)  # fmt: skip
"""Columns of an extraction in which two that are compared must not differ."""


def test_scopes(store: Store, scope: Scope) -> list[Scope]:
    """The newest extraction of each test set under the same model with the same settings."""
    own = scope.partition(store, "extractions")
    if own.manifest() is None:
        return []
    settings = own.read(SAME_SETTINGS).to_pylist()
    newest: dict[str, dict] = {}
    for partition in store.partitions("extractions", model=scope.model):
        row = _extraction_row(partition)
        if partition.read(SAME_SETTINGS).to_pylist() == settings and _role_of(store, row) == "test":
            rank = (row["created_at"], row["extraction_id"])
            former = newest.get(row["dataset"])
            if former is None or rank > (former["created_at"], former["extraction_id"]):
                newest[row["dataset"]] = row
    return [
        Scope(dataset, "test", row["prompts_sha256"], row["model"], row["extraction_id"])
        for dataset, row in sorted(newest.items())
    ]  # fmt: skip


def with_activations(scopes: Sequence[Scope], note: Callable[[str], None]) -> list[Scope]:
    """Those that have activations, with a note of the others; MissingError when no scope has."""
    lacking = [scope for scope in scopes if not scope.has_activations]
    if lacking and len(lacking) == len(scopes):
        hint = f"emo extract -d {lacking[0].dataset} -m {lacking[0].model}"
        raise MissingError(f"{lacking[0].subject}: only imported vectors are there, no activations: they can be queried, "
                           "compared, plotted and exported", hint=hint)  # fmt: skip
    for scope in lacking:
        note(f"{scope.subject}: left out, only imported vectors are there, no activations")
    return [scope for scope in scopes if scope.has_activations]


def refuse_test_sets(settings: Settings, scopes: Iterable[Scope]) -> None:
    """UsageError when a test set was named for work that makes vectors."""
    named = sorted({scope.dataset for scope in scopes if scope.role == "test" and scope.dataset in settings.dataset})
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
    path = Path(given)
    is_file = path.suffix == ".gguf" and path.is_file()
    if given in EMBEDDED or not (is_file or (path / "config.json").is_file()):
        return AskedModel(given, (given,))
    source = find(given, cache=cache)
    # those of the same name first: a damaged row of another model must not be in the way
    namesakes = store.partitions("extractions", model=source.name)
    for partitions in (namesakes, store.partitions("extractions")):
        names = {partition.keys["model"] for partition in partitions if _hashes(_extraction_row(partition)) == source.hashes}
        if names:
            return AskedModel(given, tuple(sorted(names)), source.hashes)
    return AskedModel(given, (), source.hashes)


def prompt_ids(store: Store, scope: Scope) -> set[str]:
    """The prompts of a scope; those of a shipped set before it is in the store."""
    partition = scope.prompts(store)
    if partition.manifest() is None:
        return set(shipped_prompt_set(scope.dataset).columns()["prompt_id"])
    return set(partition.read(["prompt_id"])["prompt_id"].to_pylist())


def prompt_rows(store: Store, scope: Scope, columns: Sequence[str]) -> pa.Table:
    """Columns of the prompts of a scope, in file order."""
    return scope.prompts(store).read(columns)


def _refuse_absent(settings: Settings, models: Sequence[AskedModel], found: Sequence[dict]) -> None:
    for dataset in settings.dataset or [None]:
        for model in models or [None]:
            if not any(dataset in (None, row["dataset"]) and (model is None or model.is_of(row)) for row in found):
                what = " under ".join(filter(None, [dataset, model and model.given])) or "this store"
                options = "".join(f" -d {dataset}" if dataset else "") + (f" -m {model.given}" if model else "")
                options += f" --recipe {settings.recipe}" if settings.recipe != DEFAULT else ""
                made = "".join(f", {name} {getattr(settings, name)}" for name in MADE_WITH if name in settings.sources)
                raise MissingError(f"no activations of {what}{made} are there", hint=f"emo extract{options}")


def _made_so(rows: Sequence[dict], settings: Settings) -> list[dict]:
    """The extractions that were made with the settings that somebody gave; those that were imported do not say."""
    asked = {name: getattr(settings, name) for name in MADE_WITH if name in settings.sources}
    if asked.get("dtype") == "auto":
        asked["dtype"] = "float32"
    return [row for row in rows if all(row[name] in (None, value) for name, value in asked.items())]


def _named(rows: Sequence[dict], wanted: str) -> dict:
    matching = [row for row in rows if row["extraction_id"].startswith(wanted)]
    if len(matching) != 1:
        what = "no extraction's id begins" if not matching else f"{len(matching)} extractions' ids begin"
        raise MissingError(f"{what} with {wanted}", hint='emo sql "select extraction_id, dataset, model from extractions"')
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


def _role(partition: Partition) -> str:
    return partition.read(["role"])["role"][0].as_py()


def _committed_at(partition: Partition) -> str:
    manifest = partition.manifest()
    return manifest.committed_at if manifest else ""
