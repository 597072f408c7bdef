"""Directions to texts that a model writes while they are added: samples to look at, from which nothing is concluded."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from emotion_cli.errors import UsageError
from emotion_cli.job.job import Job, Task, why
from emotion_cli.job.steered import Steered
from emotion_cli.job.steering import PERMUTED_DIRECTION, UNCHANGED, Steering, Writing, WritingRun, writing_runs
from emotion_cli.job.variants import Variant
from emotion_cli.measures.causal.repetition import distinct_pairs
from emotion_cli.measures.inference.sampling import generator
from emotion_cli.measures.labels import OTHERS
from warehouse.store import Partition, table_of


def tasks_of(job: Job, *, steering: Steering, writing: Writing) -> list[Task]:
    """One task for each train set under a model."""
    shared: dict[tuple, Any] = {}
    return [_task(job, run, shared) for run in writing_runs(job, steering, writing)]


def _task(job: Job, run: WritingRun, shared: dict[tuple, Any]) -> Task:
    reads = _reads(job, run)
    return Task(
        "steer",
        run.subject,
        tuple(partition.folder for partition in reads.values()),
        run.partition(job.store, "steered_texts").folder,
        _Work(job, run, shared, reads).reason(),
        lambda job: _Work(job, run, shared, reads).do(),
    )


def _reads(job: Job, run: WritingRun) -> dict[str, Partition]:
    return {"activations": run.extraction.partition(job.store, "activations"), "prompts": run.extraction.prompts(job.store)}


class _Work(Steered[WritingRun]):
    """A run that writes, and the parts of its table: one for each alpha, and one (alpha 0) of the unchanged model."""

    @cached_property
    def texts(self) -> Any:
        """The parts of texts."""
        return self.parts_of("steered_texts")

    @property
    def _alphas(self) -> tuple[float, ...]:
        return (0.0, *self.run.steering.alphas)

    def reason(self) -> str:
        """Why there is something to do; empty where there is not."""
        stale = why(self.partition("steered_texts").manifest(), self.inputs)
        missing = [name for name in self._parts() if name not in self.texts.entries]
        return stale or (f"missing: {', '.join(missing)}" if missing else "")

    def do(self) -> None:
        """Write what is missing, part by part, and commit it."""
        with self.partition("steered_texts").hold(wait=True):
            for name, (variant, layer, alpha) in self._parts().items():
                whole = name.rpartition("/")[0] + "/"
                self.texts.make(
                    name, lambda variant=variant, layer=layer, alpha=alpha: self._written(variant, layer, alpha), instead_of=whole
                )
                self.texts.commit(self.reads)
            self.norms.commit(self.reads)
            rows = [row for entry in self.texts.entries.values() for row in self.texts.read(entry)]
            self.describe(
                n_texts=len(rows),
                n_tokens=sum(row["n_tokens"] for row in rows),
                seconds=self.texts.seconds + self.norms.seconds,
            )
            self.job.listener.note(f"{self.run.subject}: run {self.run.run_id}")

    def _parts(self) -> dict[str, tuple[Variant, int, float]]:
        return {
            f"{variant.part}/{layer}/{alpha:g}/{self.run.writing.n}": (variant, layer, alpha)
            for variant in self.variants
            for layer in self.layers(variant)
            for alpha in self._alphas
        }

    @cached_property
    def _beginning(self) -> list[int]:
        ids = self.ids([self.run.steering.prefix or ""])[0]
        most, tokens = self.engine.loaded.max_positions, self.run.writing.tokens
        if most and len(ids) + tokens > most:
            left = most - len(ids)
            raise UsageError(
                f"--tokens {tokens}: the model has {most} positions, and the prefix takes {len(ids)}",
                hint=f"--tokens {left}" if left > 0 else "a shorter --prefix",
            )
        return ids

    def _directions(self, variant: Variant, layer: int, alpha: float) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
        """What is added in each row, and what it is called."""
        if alpha == 0:
            return [{"direction": UNCHANGED}], [np.zeros(self.engine.loaded.d_model)]
        keys, added = [], []
        rows = self.rows(self.run.extraction, variant, layer)
        for place, (emotion, permuted) in enumerate(self.permuted(self.run.extraction, variant).items()):
            # beside each direction the first one of permuted labels, which all emotions share against each other
            shared = variant.reference == OTHERS
            own, *drawn = permuted.directions(rows, slice(0, 2))
            named = [({"emotion": emotion, "direction": emotion}, own)]
            if not shared or place == 0:
                control = {"emotion": None if shared else emotion, "direction": PERMUTED_DIRECTION, "draw": 0}
                named += [(control, direction) for direction in drawn]
            for key, direction in named:
                if np.isfinite(direction).all():
                    keys.append(key)
                    added.append(alpha * self.length(variant, layer, emotion) * direction)
        return keys, added

    def _written(self, variant: Variant, layer: int, alpha: float) -> pa.Table:
        from emotion_cli.models.intervening import Edit, Passage, places_of
        from emotion_cli.models.writing import Sampled, write

        writing, steering, beginning = self.run.writing, self.run.steering, self._beginning
        keys, added = self._directions(variant, layer, alpha)
        keys = [{**key, "sample": sample} for key in keys for sample in range(writing.n)]
        edit = Edit(layer, np.repeat(np.array(added), writing.n, 0))
        sampled = None
        if writing.temperature is not None:
            chances = [
                generator(self.settings.seed, "written", str(sample)).random(writing.tokens) for sample in range(writing.n)
            ]
            sampled = Sampled(writing.temperature, np.array([chances[key["sample"]] for key in keys]))
        places = places_of(Passage((*beginning, *[0] * writing.tokens), len(beginning)), steering.positions)
        title = f"{self.run.subject}: layer {layer}, alpha {alpha:g}"
        with self.job.listener.progress(title, texts=len(keys)) as advance:
            ids = write(self.engine, beginning, edit, places, writing.tokens, sampled, progress=advance)
        return table_of("steered_texts", self._columns(variant, layer, alpha, keys, ids))

    def _columns(
        self, variant: Variant, layer: int, alpha: float, keys: Sequence[Mapping[str, Any]], ids: Sequence[Sequence[int]]
    ) -> dict[str, list]:
        constant = variant._asdict() | {"layer": layer, "alpha": alpha, "temperature": self.run.writing.temperature}
        decode = self.engine.loaded.tokenizer.decode
        return {
            **{name: [key.get(name) for key in keys] for name in ("emotion", "direction", "draw", "sample")},
            **{name: [value] * len(keys) for name, value in constant.items()},
            "text": [decode(row, skip_special_tokens=True) for row in ids],
            "n_tokens": [len(row) for row in ids],
            "nll_base": self._nll(ids),
            "distinct_pairs": [distinct_pairs(row) for row in ids],
        }

    def _nll(self, ids: Sequence[Sequence[int]]) -> list[float | None]:
        """Of each text: minus its tokens' mean log-probability under the unchanged model; None for a text without tokens."""
        from emotion_cli.models.intervening import Edit, Passage, places_of

        passages = [Passage((*self._beginning, *row), len(self._beginning)) for row in ids if row]
        if not passages:
            return [None] * len(ids)
        nothing = Edit(0, np.zeros((1, self.engine.loaded.d_model)))
        unchanged = self.engine.scores(passages, nothing, [places_of(passage, "all") for passage in passages]).unchanged[0]
        values = iter((-unchanged).tolist())
        return [next(values) if row else None for row in ids]
