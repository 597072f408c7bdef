"""An extraction's directions, and its model that is changed along them: what every way of steering needs."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import pyarrow as pa

from emotion_cli.job.extractions import DEFAULT_POOLINGS, Extraction, pairs_of
from emotion_cli.job.job import Job, fingerprint
from emotion_cli.job.layers import averaged_layers, inner_products, prepare, read_layer
from emotion_cli.job.membership import membership_of
from emotion_cli.job.parts import Parts
from emotion_cli.job.patching import PatchingRun
from emotion_cli.job.statistics import MEASURES_VERSION, sampling_of
from emotion_cli.job.steering import VECTOR, Run, WritingRun, variants_steered
from emotion_cli.job.variants import Variant, checked_labels
from emotion_cli.job.versions import versions
from emotion_cli.measures.causal.nulls import Permuted
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.within.quality import Case, Material
from warehouse.store import Partition, table_of

if TYPE_CHECKING:
    from emotion_cli.models.intervening import Engine

CAUSAL_VERSION = 2
"""Raised when the same inputs give other numbers: those that older versions stored are made again."""


SomeRun = TypeVar("SomeRun", Run, WritingRun, PatchingRun)


class Steered(Generic[SomeRun]):
    """One run: its inputs, its directions, and its model."""

    def __init__(self, job: Job, run: SomeRun, shared: dict[tuple, Any], reads: dict[str, Partition]) -> None:
        self.job, self.run, self.shared, self.settings, self.reads = job, run, shared, job.settings, reads
        self.inputs = {
            **{name: fingerprint(partition) for name, partition in self.reads.items()},
            **{name: getattr(job.settings, name) for name in ("neutral", "seed", "draws", "over_layers")},
            "dtype": job.settings.dtype,
            "causal_version": CAUSAL_VERSION,
            "measures_version": MEASURES_VERSION,
        }
        self.norms = self.parts_of("residual_norms")

    def parts_of(self, table: str) -> Parts:
        """The run's parts of a table."""
        return Parts(self.partition(table), self.inputs, forced=self.job.forces("steer"))

    def partition(self, table: str) -> Partition:
        """The run's part of a table."""
        return self.run.partition(self.job.store, table)

    @cached_property
    def variants(self) -> list[Variant]:
        """The ways of making directions that the labels allow."""
        stored = pairs_of(self.reads["activations"])
        pooling = next(iter([*self.settings.pooling, *(name for name in DEFAULT_POOLINGS if name in stored), *stored]))
        chosen = variants_steered(self.settings, pooling)
        labels = set(self.reads["prompts"].read(["emotion"])["emotion"].to_pylist())
        n_emotions = len(labels - {self.settings.neutral})
        return [variant for variant in chosen if variant.reference != OTHERS or n_emotions > 1]

    def labels(self, extraction: Extraction, variant: Variant) -> Labels:
        """Labels, topics and clusters of the training prompts, in the order of the stored rows."""
        activations = extraction.partition(self.job.store, "activations")
        layer = pairs_of(activations)[variant.pooling][0]
        rows = read_layer(activations, variant.pooling, layer)
        topics, clusters = membership_of([self.reads["prompts"]], rows.prompt_ids)
        made = checked_labels(rows.labels, topics, self.settings, variant, extraction.subject)
        return Labels(made.labels, made.topics, made.emotions, made.reference, clusters)

    def permuted(self, extraction: Extraction, variant: Variant) -> dict[str, Permuted]:
        """The directions of each emotion, as labelled and permuted."""
        key = ("permuted", extraction.extraction_id, variant)
        if key not in self.shared:
            labels = self.labels(extraction, variant)
            sampling = sampling_of(self.job, self.run.extraction.dataset).about("steering", variant.reference)
            self.shared[key] = {emotion: Permuted(labels, emotion, sampling) for emotion in labels.emotions}
        return self.shared[key]

    def rows(self, extraction: Extraction, variant: Variant, layer: int) -> np.ndarray:
        """Prepared activations [prompt, d_model] of a layer."""
        return prepare(
            read_layer(extraction.partition(self.job.store, "activations"), variant.pooling, layer), self.settings, variant
        )

    def layers(self, variant: Variant) -> list[int]:
        """The layers at which something is added."""
        key = ("layers", self.run.extraction.extraction_id, variant, self.run.steering.layer)
        if key not in self.shared:
            n_layers = self.run.extraction.partition(self.job.store, "extractions").read(["n_layers"])["n_layers"][0].as_py()
            best = self._best_layer(variant) if self.run.steering.layer == "best" else 0
            stored = pairs_of(self.reads["activations"])[variant.pooling]
            self.shared[key] = [layer for layer in self.run.steering.layers(n_layers, best) if layer in stored]
        return self.shared[key]

    def _best_layer(self, variant: Variant) -> int:
        """The layer whose directions separate best in training: the mean AUROC of the emotions; never chosen on a test set."""
        inner = inner_products(self.job, self.run.extraction, variant)
        averaged = averaged_layers(self.job.store, self.settings, self.run.extraction, inner.grams)
        sampling = sampling_of(self.job, self.run.extraction.dataset).at_most(1)
        material = Material(inner.grams, inner.labels, sampling, averaged)
        curves = np.mean([Case(material, emotion).auroc.values[:, 0] for emotion in inner.labels.emotions], axis=0)
        candidates = [place for place, layer in enumerate(material.layers) if layer in averaged]
        return material.layers[max(candidates, key=lambda place: (round(float(curves[place]), 9), -place))]

    @cached_property
    def engine(self) -> "Engine":
        """The model with its head."""
        from emotion_cli.models.intervening import Engine

        key = ("engine", self.run.extraction.model)
        loaded = self.job.loaded_with_head(self.run.extraction.model)
        if key not in self.shared or self.shared[key].loaded is not loaded:
            self.shared[key] = Engine(loaded)
        return self.shared[key]

    def ids(self, texts: Sequence[str], **changes: Any) -> list[list[int]]:
        """Token ids of texts by the settings of the job, with `changes`."""
        from emotion_cli.models.tokens import tokenize

        settings = self.settings
        options = {name: getattr(settings, name) for name in ("bos", "chat_template", "max_length", "truncate")} | changes
        return tokenize(self.engine.loaded, texts, **options).ids

    @cached_property
    def lengths(self) -> dict[int, float]:
        """The mean length of states at each layer: the unit of alpha."""
        entry = self.norms.make("", self._measured_norms)
        return {row["layer"]: row["value"] for row in self.norms.read(entry)}

    def _measured_norms(self) -> pa.Table:
        from emotion_cli.models.checks import SINK
        from emotion_cli.models.norms import token_norms

        prompts = self.reads["prompts"].read(["prompt_id", "text", "emotion"]).to_pylist()
        neutral = sorted(row["text"] for row in prompts if row["emotion"] == self.settings.neutral)
        # a set without neutral prompts has the length of what it has
        ids = self.ids(neutral or sorted(row["text"] for row in prompts))
        loaded = self.engine.loaded
        layers = list(range(loaded.n_layers + 1))
        norms = token_norms(loaded, ids, layers=layers, strategy="single", batch_tokens=1)
        behind_the_first = np.concatenate([of_prompt[:, 1:] for of_prompt in norms], axis=1)
        return table_of("residual_norms", residual_norms(behind_the_first, layers, SINK))

    def length(self, variant: Variant, layer: int, emotion: str) -> float:
        """What alpha 1 is: the mean length of states, or the length of the emotion's vector."""
        if self.run.steering.unit != VECTOR:
            return self.lengths[layer]
        labels = self.permuted(self.run.extraction, variant)[emotion].labels
        return float(np.linalg.norm(labels.weights(emotion) @ self.rows(self.run.extraction, variant, layer)))

    def describe(self, **known: Any) -> None:
        """Write the row that says what the run is; `known` are columns of this kind of run."""
        run, steering = self.run, self.run.steering
        target = self.partition("steering_runs")
        (extracted,) = run.extraction.partition(self.job.store, "extractions").read(["weights_sha256"]).to_pylist()
        known |= {
            "extraction_id": run.extraction.extraction_id,
            "prompts_sha256": run.extraction.prompts_sha256,
            "weights_sha256": extracted["weights_sha256"],
            "operation": steering.operation,
            "positions": steering.positions,
            "prefix": steering.prefix,
            "unit": steering.unit,
            "versions": json.dumps(versions(), sort_keys=True),
            "created_at": datetime.now(UTC),
            "status": "complete",
        }
        entry = target.write([table_of("steering_runs", {name: [known.get(name)] for name in target.table.file_column_names})])
        target.commit([entry], self.inputs, reads={name: read.place for name, read in self.reads.items()})


def residual_norms(norms: np.ndarray, layers: Sequence[int], sink: float) -> dict[str, list]:
    """Mean and median of lengths [layer, token] as columns of `residual_norms`; what is above `sink` medians is in no mean."""
    medians = np.median(norms, axis=1)
    is_sink = norms > sink * medians[:, None]
    return {
        "layer": list(layers),
        "value": [float(row[~sinks].mean()) for row, sinks in zip(norms, is_sink, strict=True)],
        "median": medians.tolist(),
        "n_tokens": [norms.shape[1]] * len(layers),
        "n_sinks": is_sink.sum(1).tolist(),
    }
