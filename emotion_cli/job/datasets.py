"""The prompt sets that there are: those that ship and those in the store, each in its newest version."""

from dataclasses import dataclass

from emotion_cli.prompts.shipped import shipped_prompt_set, shipped_sets
from emotion_cli.suggestions import unknown
from warehouse.store import Partition, Store, table_of


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


def newest_version(store: Store, dataset: str, option: str = "--dataset") -> Version:
    """The newest version of a dataset in the store, else the shipped set; UsageError, of the option, when neither is there."""
    partitions = store.partitions("prompts", dataset=dataset)
    if partitions:
        newest = max(partitions, key=_committed_at)
        return Version(dataset, _role(newest), newest.keys["prompts_sha256"])
    if dataset in shipped_sets():
        prompt_set = shipped_prompt_set(dataset)
        return Version(dataset, prompt_set.role, prompt_set.sha256)
    raise unknown(option, dataset, known_datasets(store), hint=f"emo datasets import FILE.jsonl --dataset {dataset}")


def ensure_imported(store: Store, dataset: str, option: str = "--dataset") -> Version:
    """The newest version, with a shipped set written to the store on its first use."""
    version = newest_version(store, dataset, option)
    partition = store.partition("prompts", dataset=dataset, prompts_sha256=version.prompts_sha256)
    if partition.manifest() is None:
        prompt_set = shipped_prompt_set(dataset)
        # two runs that begin at once both come here: the second finds it done
        with partition.hold(wait=True):
            if partition.manifest() is None:
                partition.commit([partition.write([table_of("prompts", prompt_set.columns())])], {"source": "shipped"})
    return version


def _role(partition: Partition) -> str:
    return partition.read(["role"])["role"][0].as_py()


def _committed_at(partition: Partition) -> str:
    manifest = partition.manifest()
    return manifest.committed_at if manifest else ""
