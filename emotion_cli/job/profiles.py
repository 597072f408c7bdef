"""Layer profiles: stored rows, and norms of a few prompts' tokens, to one row for each pooling and layer."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from emotion_cli.job.extractions import Extraction, pairs_of
from emotion_cli.job.layers import read_layer
from emotion_cli.measures.profile import Profiled, profile
from warehouse.store import Store, table_of

SAMPLED = 64
"""Prompts whose single tokens are read once more."""


class TokenNorms(NamedTuple):
    """Of a sample of prompts: the median norm of neutral prompts' tokens but the first, by layer; norms of pooled tokens.

    `pooled` has no entry for a pooling of one token: there each row is one token's state.
    """

    medians: Mapping[int, float]
    pooled: Mapping[str, Mapping[int, np.ndarray]]


def write_profiles(store: Store, extraction: Extraction, norms: TokenNorms | None = None) -> list[Profiled]:
    """Commit the profiles of all activations of an extraction; without norms of tokens no shares of outliers are known."""
    activations, partition = (extraction.partition(store, table) for table in ("activations", "layer_profiles"))
    made = [
        Profiled(
            pooling,
            layer,
            profile(
                read_layer(activations, pooling, layer).activations,
                norms.medians.get(layer) if norms else None,
                norms.pooled[pooling].get(layer) if norms and pooling in norms.pooled else None,
            ),
        )
        for pooling, layers in pairs_of(activations).items()
        for layer in layers
    ]
    columns = {"pooling": [member.pooling for member in made], "layer": [member.layer for member in made]}
    columns |= {name: [getattr(member.profile, name) for member in made] for name in made[0].profile._fields}
    with partition.hold(wait=True):
        manifest = activations.manifest()
        inputs = {"activations": manifest.fingerprint if manifest else None}
        entry = partition.write([table_of("layer_profiles", columns)])
        partition.commit([entry], inputs, reads={"activations": activations.place})
    return made
