"""Directions to what they do: the effect on texts of a test set, to first order at every layer, and added at some layers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emotion_cli.errors import UsageError
from emotion_cli.job.controls import rivals_of
from emotion_cli.job.extractions import Extraction, pairs_of
from emotion_cli.job.job import Job, Task, why
from emotion_cli.job.layers import averaged_layers
from emotion_cli.job.statistics import sampling_of, statistics_table
from emotion_cli.job.steered import Steered
from emotion_cli.job.steering import BEST, CONTROLS_A_TEST, PERMUTED_DIRECTION, Run, Steering, runs
from emotion_cli.job.variants import Variant
from emotion_cli.measures.causal.contrasts import TestTexts
from emotion_cli.measures.causal.effects import DAMAGE_BUDGET, Effect, effects, tested
from emotion_cli.measures.causal.nulls import gaussian
from emotion_cli.measures.causal.responses import Projections, Response, projections, responses
from emotion_cli.measures.labels import OTHERS
from emotion_cli.models.sources.controls import UNTRAINED
from warehouse.store import Partition, table_of

if TYPE_CHECKING:
    from emotion_cli.models.gradients import Gradients
    from emotion_cli.models.intervening import Passage


def tasks(job: Job) -> list[Task]:
    """The tasks of `emo run --causal`."""
    return tasks_of(job, Steering())


def tasks_of(job: Job, steering: Steering) -> list[Task]:
    """One task for each train set under a model with each test set of the job."""
    shared: dict[tuple, Any] = {}
    known = runs(job, steering)
    needed = controls_needed(_Work(job, run, shared) for run in known)
    return [_task(job, run, needed[_family(run)], shared) for run in known]


def controls_needed(works: "Iterable[_Work]") -> dict[tuple[str, str], int]:
    """Directions of permuted labels that an effect needs which stands alone among those that are tested together.

    Tested together are the models, emotions, references and layers of one train set with one test set.
    """
    needed: dict[tuple[str, str], int] = {}
    for work in works:
        family = _family(work.run)
        needed[family] = needed.get(family, 0) + CONTROLS_A_TEST * work.n_tests
    return needed


def _family(run: Run) -> tuple[str, str]:
    return run.extraction.dataset, run.test.dataset


def _task(job: Job, run: Run, needed: int, shared: dict[tuple, Any]) -> Task:
    reads = _reads(job, run)
    asked = run.steering.controls
    run = run._replace(steering=replace(run.steering, controls=needed if asked is None else asked))
    return Task(
        "steer",
        run.subject,
        tuple(partition.folder for partition in reads.values()),
        run.partition(job.store, "steering_statistics").folder,
        _Work(job, run, shared).reason(),
        lambda job: _Work(job, run, shared).do(needed),
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


class _Work(Steered[Run]):
    """A run that reads a test set, and the parts of its tables."""

    def __init__(self, job: Job, run: Run, shared: dict[tuple, Any]) -> None:
        super().__init__(job, run, shared, _reads(job, run))
        self.statistics, self.effects = self.parts_of("steering_statistics"), self.parts_of("steering_effects")

    def reason(self) -> str:
        """Why there is something to do; empty where there is not."""
        manifest = self.partition("steering_statistics").manifest()
        stale = why(manifest, self.inputs)
        if stale:
            return stale
        missing = [part for part in self._parts() if part not in self.statistics.entries]
        return f"missing: {', '.join(missing)}" if missing else ""

    def do(self, needed: int) -> None:
        """Make what is missing, part by part, and commit it; a note where fewer directions are permuted than are needed."""
        job, run = self.job, self.run
        with self.partition("steering_statistics").hold(wait=True):
            for variant in self.variants:
                self.statistics.make(_screen(variant), lambda variant=variant: self._screened(variant))
                self.statistics.commit(self.reads)
            self.norms.commit(self.reads)
            if run.steering.finite:
                for variant in self.variants:
                    for layer in self.layers(variant):
                        self._finite(variant, layer)
                self.effects.commit(self.reads)
                self.statistics.commit(self.reads)
            self.describe(
                test_dataset=run.test.dataset,
                test_sha256=run.test.prompts_sha256,
                n_texts=len(self.passages),
                n_tokens=sum(len(passage.ids) for passage in self.passages),
                seconds=self.statistics.seconds + self.effects.seconds + self.norms.seconds,
            )
            if run.steering.finite and self.controls < needed:
                more = f" --draws {needed}" if self.settings.draws < needed else ""
                job.listener.note(
                    f"{run.subject}: {needed // CONTROLS_A_TEST} effects are tested together. With {self.controls} permuted "
                    f"directions, one that stands alone cannot reach q < 0.05; it can with: --controls {needed}{more}"
                )
            job.listener.note(f"{run.subject}: run {run.run_id}")

    def _parts(self) -> list[str]:
        """The parts of statistics that are asked for, as far as stored ones tell: which alphas have controls, damage decides."""
        parts = [_screen(variant) for variant in self.variants]
        if not self.run.steering.finite:
            return parts
        for variant in self.variants:
            for layer in self.layers(variant):
                at_alphas = [_at(variant, layer, alpha) for alpha in self.run.steering.alphas]
                parts += at_alphas
                if all(part in self.statistics.entries for part in at_alphas):
                    parts += [
                        _controls(variant, layer, alpha, emotion, self.controls)
                        for emotion, alpha in self._deciding(variant, layer).items()
                    ]
        return parts

    # what the run is about

    @property
    def controls(self) -> int:
        """How many directions of permuted labels are added; at most as many as are drawn."""
        return min(self.run.steering.controls or 0, self.settings.draws)

    @property
    def n_tests(self) -> int:
        """How many effects are tested: emotions, references and layers."""
        labels = set(self.reads["prompts"].read(["emotion"])["emotion"].to_pylist()) - {self.settings.neutral}
        is_best = self.run.steering.layer == BEST
        return sum(len(labels - {variant.reference}) * (1 if is_best else len(self.layers(variant))) for variant in self.variants)

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

    # what the model does

    @cached_property
    def passages(self) -> "list[Passage]":
        from emotion_cli.models.intervening import Passage

        prefix = self.run.steering.prefix
        ids = self.ids(self.test["text"]) if prefix is None else self._behind(prefix)
        first = 1 if prefix is None else len(self.ids([prefix])[0])
        passages = [Passage(tuple(row), first) for row in ids]
        empty = [text for text, passage in zip(self.test["text"], passages, strict=True) if len(passage.ids) <= passage.first]
        if empty:
            raise UsageError(f"{self.run.subject}: no token is left to be predicted of {empty[0]!r}", hint="--bos always")
        return passages

    def _behind(self, prefix: str) -> list[list[int]]:
        """The ids of the prefix, then those of each text behind a space."""
        space = "" if prefix[-1:].isspace() else " "
        before = self.ids([prefix])[0]
        return [[*before, *row] for row in self.ids([space + text for text in self.test["text"]], bos="never")]

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
            n = self.controls
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
        directions = permuted.directions(self.rows(self.run.extraction, variant, layer), slice(1, None))
        # a permutation that leaves all labels as they are leaves no direction
        drawn = np.flatnonzero(np.isfinite(directions).all(1))[: self.controls].tolist()
        keys = [{"emotion": None if shared else emotion, "direction": PERMUTED_DIRECTION, "draw": draw} for draw in drawn]
        added = list(alpha * self.length(variant, layer, emotion) * directions[drawn])
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
        test, texts = self.permuted(self.run.extraction, variant)[emotion].test, self.texts(variant)
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
