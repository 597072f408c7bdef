"""Which topic, and which cluster of topics, each prompt belongs to."""

from collections.abc import Sequence
from typing import NamedTuple

from warehouse.store import Partition


class Membership(NamedTuple):
    """The topic and the cluster of each prompt [prompt]; clusters are None where no prompt is in one."""

    topics: list[str | None]
    clusters: list[str | None] | None


def membership_of(prompts: Sequence[Partition], prompt_ids: Sequence[str]) -> Membership:
    """The topic and the cluster of each prompt, of one set or several."""
    known = {
        row["prompt_id"]: (row["topic"], row["cluster"])
        for partition in prompts
        for row in partition.read(["prompt_id", "topic", "cluster"]).to_pylist()
    }
    topics, clusters = ([known[prompt_id][i] for prompt_id in prompt_ids] for i in (0, 1))
    return Membership(topics, clusters if any(cluster is not None for cluster in clusters) else None)
