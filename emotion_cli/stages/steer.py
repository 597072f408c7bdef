"""Directions to what they do: the effect on texts of a test set, to first order at every layer, and added at some layers."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emotion_cli.errors import UsageError
from emotion_cli.job.controls import rivals_of
from emotion_cli.job.extractions import DEFAULT_POOLINGS, Extraction, pairs_of
from emotion_cli.job.job import Job, Task, fingerprint, why
from emotion_cli.job.layers import averaged_layers, inner_products, prepare, read_layer
from emotion_cli.job.membership import membership_of
from emotion_cli.job.parts import Parts
from emotion_cli.job.statistics import MEASURES_VERSION, sampling_of, statistics_table
from emotion_cli.job.steering import VECTOR, Run, Steering, runs, variants_steered
from emotion_cli.job.variants import Variant, checked_labels
from emotion_cli.job.versions import versions
from emotion_cli.measures.causal.contrasts import TestTexts
from emotion_cli.measures.causal.effects import DAMAGE_BUDGET, Effect, effects, sampled, tested
from emotion_cli.measures.causal.nulls import Permuted, gaussian
from emotion_cli.measures.causal.responses import Projections, Response, projections, responses
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.within.quality import Case, Material
from emotion_cli.models.sources.controls import UNTRAINED
from warehouse.store import Partition, table_of

if TYPE_CHECKING:
    from emotion_cli.models.gradients import Gradients
    from emotion_cli.models.intervening import Engine, Passage

CAUSAL_VERSION = 1
"""Raised when the same inputs give other numbers: those that older versions stored are made again."""

PERMUTED_DIRECTION = "permuted"


def tasks(job: Job) -> list[Task]:
    """The tasks of `emo run --causal`."""
    return tasks_of(job, Steering())


def tasks_of(job: Job, steering: Steering) -> list[Task]:
    """One task for each train set under a model with each test set of the job."""
    shared: dict[tuple, Any] = {}
    return [_task(job, run, shared) for run in runs(job, steering)]


def _task(job: Job, run: Run, shared: dict[tuple, Any]) -> Task:
    reads = _reads(job, run)
    return Task(
        "steer",
        run.subject,
        tuple(partition.folder for partition in reads.values()),
        run.partition(job.store, "steering_statistics").folder,
        _Work(job, run, shared).reason(),
        lambda job: _Work(job, run, shared).do(),
    )


def _reads(job: Job, run: Run) -> dict[str, Partition]:
    reads = {
        "activations": run.extraction.partition(job.store, "activations"),
        "prompts": run.extraction.prompts(job.store),
        "test prompts": run.test.prompts(job.store),
    }
    for kind, (control,) in rivals_of(job.store, (UNTRAINED,), run.extraction).items():
        reads[kind] = control.partition(job.store, "activations")
    return reads


class _Work:
    """One run: its inputs, and the parts of its tables."""

    def __init__(self, job: Job, run: Run, shared: dict[tuple, Any]) -> None:
        self.job, self.run, self.shared, self.settings = job, run, shared, job.settings
        self.reads = _reads(job, run)
        self.inputs = {
            **{name: fingerprint(partition) for name, partition in self.reads.items()},
            **{name: getattr(job.settings, name) for name in ("neutral", "seed", "draws", "over_layers")},
            "dtype": job.settings.dtype,
            "causal_version": CAUSAL_VERSION,
            "measures_version": MEASURES_VERSION,
        }
        self.statistics = Parts(self._partition("steering_statistics"), self.inputs, forced=job.forces("steer"))
        self.effects = Parts(self._partition("steering_effects"), self.inputs, forced=job.forces("steer"))
        self.norms = Parts(self._partition("residual_norms"), self.inputs, forced=job.forces("steer"))

    def _partition(self, table: str) -> Partition:
        return self.run.partition(self.job.store, table)

    def reason(self) -> str:
        """Why there is something to do; empty where there is not."""
        manifest = self._partition("steering_statistics").manifest()
        stale = why(manifest, self.inputs)
        if stale:
            return stale
        missing = [part for part in self._parts() if part not in self.statistics.entries]
        return f"missing: {', '.join(missing)}" if missing else ""

    def do(self) -> None:
        """Make what is missing, part by part, and commit it."""
        job, run = self.job, self.run
        with self._partition("steering_statistics").hold(wait=True):
            for variant in self.variants:
                self.statistics.make(_screen(variant), lambda variant=variant: self._screened(variant))
                self.statistics.commit(self.reads)
            self.norms.commit(self.reads)
            if run.steering.finite:
                for variant in self.variants:
                    for layer in self._layers(variant):
                        self._finite(variant, layer)
                self.effects.commit(self.reads)
                self.statistics.commit(self.reads)
            self._describe()
            job.listener.note(f"{run.subject}: run {run.run_id}")

    def _parts(self) -> list[str]:
        """The parts of statistics that are asked for, as far as stored ones tell: which alphas have controls, damage decides."""
        parts = [_screen(variant) for variant in self.variants]
        if not self.run.steering.finite:
            return parts
        for variant in self.variants:
            for layer in self._layers(variant):
                at_alphas = [_at(variant, layer, alpha) for alpha in self.run.steering.alphas]
                parts += at_alphas
                if all(part in self.statistics.entries for part in at_alphas):
                    parts += [
                        _controls(variant, layer, alpha, emotion, self.run.steering.controls)
                        for emotion, alpha in self._deciding(variant, layer).items()
                    ]
        return parts

    # what the run is about

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

    @cached_property
    def sources(self) -> dict[str | None, Extraction]:
        """Whose directions are added: the model's own, and those of its untrained copy, by control."""
        beside = rivals_of(self.job.store, (UNTRAINED,), self.run.extraction)
        return {None: self.run.extraction, **{kind: control for kind, (control,) in beside.items()}}

    @cached_property
    def test(self) -> dict[str, list]:
        """The texts of the test set that have one of the labels."""
        rows = self.reads["test prompts"].read(["prompt_id", "text", "emotion", "topic", "cluster"]).to_pylist()
        known = set(self.reads["prompts"].read(["emotion"])["emotion"].to_pylist())
        kept = [row for row in sorted(rows, key=lambda row: row["prompt_id"]) if row["emotion"] in known]
        if not kept:
            raise UsageError(f"{self.run.subject}: no text has a label of the training set", hint="emo datasets list")
        return {name: [row[name] for row in kept] for name in kept[0]}

    def texts(self, variant: Variant) -> TestTexts:
        """Labels and topics of these texts."""
        key = ("texts", self.run.run_id, variant.reference)
        if key not in self.shared:
            rows = self.test
            clusters = rows["cluster"] if any(cluster is not None for cluster in rows["cluster"]) else None
            emotions = next(iter(self.permuted(self.run.extraction, variant).values())).labels.emotions
            sampling = sampling_of(self.job, self.run.test.dataset).about("steering")
            self.shared[key] = TestTexts(rows["emotion"], rows["topic"], clusters, emotions, self.settings.neutral, sampling)
        return self.shared[key]

    def _layers(self, variant: Variant) -> list[int]:
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

    # what the model does

    @cached_property
    def engine(self) -> "Engine":
        from emotion_cli.models.intervening import Engine

        key = ("engine", self.run.extraction.model)
        loaded = self.job.loaded_with_head(self.run.extraction.model)
        if key not in self.shared or self.shared[key].loaded is not loaded:
            self.shared[key] = Engine(loaded)
        return self.shared[key]

    @cached_property
    def passages(self) -> "list[Passage]":
        from emotion_cli.models.intervening import Passage

        prefix = self.run.steering.prefix
        ids = self._ids(self.test["text"]) if prefix is None else self._behind(prefix)
        first = 1 if prefix is None else len(self._ids([prefix])[0])
        passages = [Passage(tuple(row), first) for row in ids]
        empty = [text for text, passage in zip(self.test["text"], passages, strict=True) if len(passage.ids) <= passage.first]
        if empty:
            raise UsageError(f"{self.run.subject}: no token is left to be predicted of {empty[0]!r}", hint="--bos always")
        return passages

    def _behind(self, prefix: str) -> list[list[int]]:
        """The ids of the prefix, then those of each text behind a space."""
        space = "" if prefix[-1:].isspace() else " "
        before = self._ids([prefix])[0]
        return [[*before, *row] for row in self._ids([space + text for text in self.test["text"]], bos="never")]

    def _ids(self, texts: Sequence[str], **changes: Any) -> list[list[int]]:
        from emotion_cli.models.tokens import tokenize

        settings = self.settings
        options = {name: getattr(settings, name) for name in ("bos", "chat_template", "max_length", "truncate")} | changes
        return tokenize(self.engine.loaded, texts, **options).ids

    @cached_property
    def places(self) -> list[np.ndarray]:
        from emotion_cli.models.intervening import places_of

        return [places_of(passage, self.run.steering.positions) for passage in self.passages]

    @property
    def gradients(self) -> "Gradients":
        """Gradients of the test texts, which all train sets share."""
        from emotion_cli.models.gradients import gradients

        steering = self.run.steering
        key = ("gradients", self.run.extraction.model, self.run.test.prompts_sha256, steering.positions, steering.prefix)
        if key not in self.shared:
            for other in [other for other in self.shared if other[0] == "gradients"]:
                del self.shared[other]
            title = f"gradients of {self.run.test.dataset}, {self.run.extraction.model}"
            with self.job.listener.progress(title, texts=len(self.passages)) as advance:
                self.shared[key] = gradients(self.engine, self.passages, self.places, progress=advance)
        return self.shared[key]

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
        ids = self._ids(neutral or sorted(row["text"] for row in prompts))
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

    # parts

    def _screened(self, variant: Variant) -> pa.Table:
        texts, found = self.texts(variant), self.gradients
        random = gaussian(found.summed.shape[2], self.settings.draws, self.settings.seed)
        rows: list[Response] = []
        for control, extraction in self.sources.items():
            stored = pairs_of(extraction.partition(self.job.store, "activations")).get(variant.pooling, [])
            averaged = averaged_layers(self.job.store, self.settings, extraction, stored)
            by_emotion: dict[str, dict[int, Projections]] = {}
            for layer in stored:
                activations = self.rows(extraction, variant, layer)
                for emotion, permuted in self.permuted(extraction, variant).items():
                    length = self.length(variant, layer, emotion)
                    directions = permuted.directions(activations)
                    by_emotion.setdefault(emotion, {})[layer] = projections(
                        directions, random, found.summed[layer], length, texts, emotion, variant.reference
                    )
            for emotion, by_layer in by_emotion.items():
                test = self.permuted(extraction, variant)[emotion].test
                made = responses(emotion, variant.reference, by_layer, texts, test, averaged)
                rows += [row._replace(control=control) for row in made]
        return self._table(variant, rows)

    def _table(self, variant: Variant, rows: Sequence[Response]) -> pa.Table:
        return statistics_table("steering_statistics", rows, **variant._asdict(), operation=self.run.steering.operation)

    def _finite(self, variant: Variant, layer: int) -> None:
        for alpha in self.run.steering.alphas:
            name = _at(variant, layer, alpha)
            entry = self.effects.make(name, lambda alpha=alpha: self._added(variant, layer, alpha))
            self.statistics.make(name, lambda alpha=alpha, entry=entry: self._measured(variant, layer, alpha, entry))
            self.effects.commit(self.reads)
        for emotion, alpha in self._deciding(variant, layer).items():
            n = self.run.steering.controls
            shared = variant.reference == OTHERS
            # against other emotions all emotions share their draws
            name = _controls(variant, layer, alpha, None if shared else emotion, n)
            whole = name.removesuffix(f" {n}")
            entry = self.effects.make(
                name,
                lambda alpha=alpha, emotion=emotion, shared=shared: self._permuted(variant, layer, alpha, emotion, shared=shared),
                instead_of=whole,
            )
            self.effects.commit(self.reads)
            own = _controls(variant, layer, alpha, emotion, n)
            self.statistics.make(
                own,
                lambda alpha=alpha, emotion=emotion, entry=entry: self._tested(variant, layer, alpha, emotion, entry),
                instead_of=own.removesuffix(f" {n}"),
            )

    def _scores(
        self,
        variant: Variant,
        layer: int,
        alpha: float,
        added: Sequence[np.ndarray],
        keys: Sequence[Mapping[str, Any]],
        labels: Collection[str],
    ) -> pa.Table:
        """What adding each vector does to each text with one of the labels, as rows of `steering_effects`."""
        from emotion_cli.models.intervening import Edit

        title = f"{self.run.subject}: layer {layer}, alpha {alpha:g}, {len(keys)} directions"
        read = [place for place, label in enumerate(self.test["emotion"]) if label in labels]
        passages, places = [self.passages[place] for place in read], [self.places[place] for place in read]
        with self.job.listener.progress(title, texts=len(passages)) as advance:
            scores = self.engine.scores(passages, Edit(layer, np.array(added)), places, progress=advance)
        by_key = ("emotion", "direction", "control", "draw")
        columns: dict[str, list] = {name: [key.get(name) for key in keys for _ in read] for name in by_key}
        constant = variant._asdict() | {"layer": layer, "alpha": alpha}
        columns |= {name: [value] * len(keys) * len(read) for name, value in constant.items()}
        columns |= {
            "prompt_id": [self.test["prompt_id"][place] for place in read] * len(keys),
            "n_tokens": [len(passage.ids) - passage.first for passage in passages] * len(keys),
            "log_prob": scores.log_prob.ravel().tolist(),
            "log_prob_base": scores.unchanged.ravel().tolist(),
            "kl": scores.kl.ravel().tolist(),
        }
        return table_of("steering_effects", columns)

    def _added(self, variant: Variant, layer: int, alpha: float) -> pa.Table:
        keys, added = [], []
        for control, extraction in self.sources.items():
            if layer not in pairs_of(extraction.partition(self.job.store, "activations")).get(variant.pooling, []):
                continue
            rows = self.rows(extraction, variant, layer)
            for emotion, permuted in self.permuted(extraction, variant).items():
                direction = permuted.directions(rows, slice(0, 1))[0]
                if np.isfinite(direction).all():
                    keys.append({"emotion": emotion, "direction": emotion, "control": control})
                    added.append(alpha * self.length(variant, layer, emotion) * direction)
        return self._scores(variant, layer, alpha, added, keys, {*self.test["emotion"]})

    def _permuted(self, variant: Variant, layer: int, alpha: float, emotion: str, *, shared: bool) -> pa.Table:
        permuted = self.permuted(self.run.extraction, variant)[emotion]
        n = min(self.run.steering.controls, permuted.n_draws)
        directions = permuted.directions(self.rows(self.run.extraction, variant, layer), slice(1, 1 + n))
        keys = [
            {"emotion": None if shared else emotion, "direction": PERMUTED_DIRECTION, "draw": draw}
            for draw in range(len(directions))
        ]
        added = list(alpha * self.length(variant, layer, emotion) * directions)
        # only the texts that the contrast is about
        return self._scores(variant, layer, alpha, added, keys, self.texts(variant).coefficients(emotion, variant.reference))

    def _measured(self, variant: Variant, layer: int, alpha: float, entry: Any) -> pa.Table:
        texts, rows = self.texts(variant), []
        predicted = self._predicted(variant, layer)
        for (emotion, control, _), effect in self._effects(entry).items():
            known = predicted.get((emotion, control))
            rows += effects(emotion, variant.reference, alpha, layer, effect, known, texts, control)
        return self._table(variant, rows)

    def _tested(self, variant: Variant, layer: int, alpha: float, emotion: str, entry: Any) -> pa.Table:
        own = self._effects(self.effects.entries[_at(variant, layer, alpha)])[emotion, None, None]
        draws = list(self._effects(entry).values())
        permuted = self.permuted(self.run.extraction, variant)[emotion]
        test = permuted.test if len(draws) == permuted.n_draws else sampled(permuted.test)
        texts = self.texts(variant)
        return self._table(variant, [tested(emotion, variant.reference, alpha, layer, own, draws, texts, test)])

    def _effects(self, entry: Any) -> dict[tuple, Effect]:
        """The effects of a part by emotion, control and draw."""
        rows: dict[tuple, dict[str, dict]] = {}
        for row in self.effects.read(entry):
            rows.setdefault((row["emotion"], row["control"], row["draw"]), {})[row["prompt_id"]] = row
        return {
            key: _effect([by_prompt.get(prompt_id) for prompt_id in self.test["prompt_id"]]) for key, by_prompt in rows.items()
        }

    def _predicted(self, variant: Variant, layer: int) -> dict[tuple, float | None]:
        rows = self.statistics.read(self.statistics.entries[_screen(variant)])
        return {
            (row["emotion"], row["control"]): row["value"]
            for row in rows
            if row["layer"] == layer and row["measure"] in ("response_general", "response_specific")
        }

    def _deciding(self, variant: Variant, layer: int) -> dict[str, float]:
        """The largest alpha of each emotion with damage below the budget, where there is one: the verdict is taken there."""
        largest: dict[str, float] = {}
        for alpha in sorted(self.run.steering.alphas):
            for row in self.statistics.read(self.statistics.entries[_at(variant, layer, alpha)]):
                within = row["value"] is None or row["value"] < DAMAGE_BUDGET
                if row["measure"] == "damage_kl" and row["control"] is None and within:
                    largest[row["emotion"]] = alpha
        return largest

    def _describe(self) -> None:
        """The row that says what the run is."""
        run, steering = self.run, self.run.steering
        target = self._partition("steering_runs")
        (extracted,) = run.extraction.partition(self.job.store, "extractions").read(["weights_sha256"]).to_pylist()
        known = {
            "extraction_id": run.extraction.extraction_id,
            "prompts_sha256": run.extraction.prompts_sha256,
            "test_dataset": run.test.dataset,
            "test_sha256": run.test.prompts_sha256,
            "weights_sha256": extracted["weights_sha256"],
            "operation": steering.operation,
            "positions": steering.positions,
            "prefix": steering.prefix,
            "unit": steering.unit,
            "n_texts": len(self.passages),
            "n_tokens": sum(len(passage.ids) for passage in self.passages),
            "seconds": self.statistics.seconds + self.effects.seconds + self.norms.seconds,
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


def _effect(rows: Sequence[Mapping[str, Any] | None]) -> Effect:
    """An effect of rows [text]; NaN for a text that was not read."""
    change = [row["log_prob"] - row["log_prob_base"] if row else np.nan for row in rows]
    return Effect(np.array(change), np.array([row["kl"] if row else np.nan for row in rows]))


def _screen(variant: Variant) -> str:
    return f"{variant.part}/screen"


def _at(variant: Variant, layer: int, alpha: float) -> str:
    return f"{variant.part}/{layer}/{alpha:g}"


def _controls(variant: Variant, layer: int, alpha: float, emotion: str | None, n: int) -> str:
    """The part of an emotion's permuted directions, or (None) of those that all emotions share."""
    return f"{_at(variant, layer, alpha)}/permuted{'' if emotion is None else f' for {emotion}'}, {n}".replace(", ", " ")
