"""States of texts that tell an emotion, carried into neutral texts of the same topic: what that does to the next word."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from emotion_cli.errors import UsageError
from emotion_cli.job.extractions import pairs_of
from emotion_cli.job.job import Job, Task, why
from emotion_cli.job.paired_texts import PairedTexts, next_of_another, paired_texts
from emotion_cli.job.parts import Parts
from emotion_cli.job.patching import (
    DIRECTION,
    TEXT,
    Patching,
    PatchingRun,
    patching_runs,
    places_of,
    positions_of,
)
from emotion_cli.job.statistics import sampling_of, statistics_table
from emotion_cli.job.steered import Steered
from emotion_cli.job.variants import Variant
from emotion_cli.measures.causal.nulls import gaussian
from emotion_cli.measures.causal.patching import Topics, agreement, beside_directions, beside_signs, share
from emotion_cli.measures.inference.resampling import units_of
from emotion_cli.measures.inference.statistic import GAUSSIAN, NO_NULL, Statistic, Test
from emotion_cli.prompts.words import WordList, read_words
from emotion_cli.wording import counted
from warehouse.store import Partition, table_of

if TYPE_CHECKING:
    from emotion_cli.models.patching import Patch, Patcher, Reading, States

PATCHING_VERSION = 1
"""Raised when the same inputs give other numbers: those that older versions stored are made again."""

TOPICS_OF_A_PART = 10
"""Topics whose effects are one part: what a kill can cost."""

SCREEN, REAL = "screen", "real"
"""Kinds of parts: effects to first order, and of states that are really carried."""

OF_A_RUN = (Patching("residual", is_real=True), Patching(DIRECTION))
"""What `emo run --causal` does: states are carried, components along directions to first order."""


def tasks(job: Job) -> list[Task]:
    """The tasks of `emo run --causal`: what cannot be paired, or has no words of its own, is left out, and a note says why."""
    runs = []
    for run in _runs(job, OF_A_RUN):
        try:
            # of prompts that are not in the store yet nothing is known
            if all(run.reads(job.store)[name].manifest() for name in ("prompts", "test prompts")):
                paired_texts(job, run)
        except UsageError as error:
            job.listener.note(f"left out: {error}")
        else:
            runs.append(run)
    return _tasks(job, runs, do=_done_or_left_out)


def tasks_of(job: Job, chosen: Sequence[Patching]) -> list[Task]:
    """One task for each train set under a model with each test set of the job, and each way asked for."""
    return _tasks(job, _runs(job, chosen), do=lambda work: work.do())


def _runs(job: Job, chosen: Sequence[Patching]) -> list[PatchingRun]:
    return patching_runs(job, chosen, read_words(job.settings.words).sha256)


def _done_or_left_out(work: "_Work") -> None:
    # a model's tokenizer can say what texts alone do not: the stages behind this one go on
    try:
        work.do()
    except UsageError as error:
        work.job.listener.note(f"left out: {error}")


def _tasks(job: Job, runs: Sequence[PatchingRun], *, do: "Callable[[_Work], None]") -> list[Task]:
    words, shared = read_words(job.settings.words), {}
    return [_task(job, run, words, shared, do) for run in runs]


def _task(job: Job, run: PatchingRun, words: WordList, shared: dict[tuple, Any], do: "Callable[[_Work], None]") -> Task:
    reads = run.reads(job.store)
    return Task(
        "patch",
        run.subject,
        tuple(partition.folder for partition in reads.values()),
        run.partition(job.store, "patching_statistics").folder,
        _Work(job, run, shared, reads, words).reason(),
        lambda job: do(_Work(job, run, shared, reads, words)),
    )


class Cell(NamedTuple):
    """One place at which states are carried."""

    layer: int
    positions: str
    head: int | None


class Pair(NamedTuple):
    """A text that is told neutrally, the same topic told with each emotion, and a neutral text of another topic, as token ids."""

    topic: str
    cluster: str | None
    neutral: list[int]
    emotional: dict[str, list[int]]
    other: list[int]


class _Row(NamedTuple):
    """A statistic of an emotion."""

    emotion: str
    measure: str
    statistic: Statistic
    site: str | None = None
    layer: int | None = None
    positions: str | None = None
    head: int | None = None


class _Work(Steered[PatchingRun]):
    """A run that carries states, and the parts of its tables."""

    def __init__(
        self, job: Job, run: PatchingRun, shared: dict[tuple, Any], reads: dict[str, Partition], words: WordList
    ) -> None:
        super().__init__(job, run, shared, reads)
        self.inputs |= {"patching_version": PATCHING_VERSION}
        if run.patching.site == DIRECTION:
            self.inputs |= {"controls": run.patching.controls}
        self.words, self.patching = words, run.patching
        self.effects, self.statistics = self.parts_of("patching_effects"), self.parts_of("patching_statistics")
        self._products: dict[tuple[str, Cell], list[tuple[np.ndarray, np.ndarray]]] = {}

    def parts_of(self, table: str) -> Parts:
        """The run's parts of a table."""
        return Parts(self.partition(table), self.inputs, forced=self.job.forces("patch"))

    def reason(self) -> str:
        """Why there is something to do; empty where there is not."""
        stale = why(self.partition("patching_statistics").manifest(), self.inputs)
        missing = self._statistics_part not in self.statistics.entries
        return stale or (f"missing: {self._statistics_part}" if missing else "")

    def do(self) -> None:
        """Make what is missing, part by part, and commit it."""
        with self.partition("patching_statistics").hold(wait=True):
            kind = self._statistics_part
            other = SCREEN if self._is_real else REAL
            for start in range(0, len(self.pairs), TOPICS_OF_A_PART):
                name, chosen = f"{kind}/{start // TOPICS_OF_A_PART:04d}", self.pairs[start : start + TOPICS_OF_A_PART]
                # what is really carried has its guess beside it
                self.effects.make(name, lambda chosen=chosen: self._effects(chosen), instead_of=f"{other}/")
            self.statistics.make(kind, self._measured, instead_of=other)
            self.effects.commit(self.reads)
            self.statistics.commit(self.reads)
            self.job.listener.note(f"{self.run.subject}: run {self.run.run_id}")

    @cached_property
    def _statistics_part(self) -> str:
        """The part of statistics: guesses alone, unless states are really carried or were."""
        return REAL if self.patching.is_real or REAL in self.statistics.entries else SCREEN

    @property
    def _is_real(self) -> bool:
        return self._statistics_part == REAL

    # what is carried

    @cached_property
    def variant(self) -> Variant:
        """How directions are made: against the reference of the run."""
        return next((variant for variant in self.variants if variant.reference == self.run.reference), self.variants[0])

    @cached_property
    def told(self) -> PairedTexts:
        """The texts that are paired."""
        return paired_texts(self.job, self.run)

    @property
    def emotions(self) -> list[str]:
        """The labels whose words are compared."""
        return self.told.emotions

    @cached_property
    def pairs(self) -> list[Pair]:
        """Texts of the test set that are told neutrally and with an emotion, by topic; UsageError for texts of another length."""
        told, neutral = self.told, self.settings.neutral
        if told.n_left_out:
            self.job.listener.note(f"{self.run.subject}: {told.n_left_out} texts left out: no pair, or a second of one")
        keys = sorted(told.texts)
        rows = dict(zip(keys, self.ids([told.texts[key] for key in keys]), strict=True))
        short = [told.texts[key] for key, row in rows.items() if len(row) < 2]
        if short:
            raise UsageError(f"{self.run.subject}: {short[0]!r} is one token, which is never changed", hint="--bos always")
        ids = {key: [*row, *self.suffix] for key, row in rows.items()}
        longest, most = max(map(len, ids.values())), self.engine.loaded.max_positions
        if most and longest > most:
            raise UsageError(
                f"{self.run.subject}: with the suffix a text has {longest} tokens, and the model {most} positions",
                hint="a shorter --suffix",
            )
        units = units_of(told.topics, told.clusters)
        return [
            Pair(
                topic,
                told.clusters[place],
                ids[topic, neutral],
                {emotion: ids[topic, emotion] for emotion in self.emotions if (topic, emotion) in ids},
                ids[told.topics[next_of_another(units, place)], neutral],
            )
            for place, topic in enumerate(told.topics)
        ]

    @cached_property
    def suffix(self) -> list[int]:
        """Token ids of the suffix."""
        return self.ids([self.patching.suffix], bos="never", chat_template=False)[0]

    @property
    def n_suffix(self) -> int:
        """How many there are."""
        return len(self.suffix)

    @cached_property
    def patcher(self) -> "Patcher":
        """The model, and the tokens of each emotion's words."""
        from emotion_cli.models.patching import RESIDUAL, Patcher

        site = RESIDUAL if self.patching.site == DIRECTION else self.patching.site
        return Patcher(self.engine, self._tokens(), [site], self.patched_layers)

    def _tokens(self) -> list[list[int]]:
        """The first tokens of each emotion's words; a token of two emotions is none of either's.

        UsageError for such a token of a list that was given, and for an emotion that is left without one.
        """
        from emotion_cli.models.patching import first_tokens

        words = {emotion: self.words.words.get(emotion, (emotion,)) for emotion in self.emotions}
        tokens = {emotion: dict(zip(first_tokens(self.engine, of), of, strict=True)) for emotion, of in words.items()}
        owners: dict[int, list[str]] = {}
        for emotion, by_token in tokens.items():
            for token in by_token:
                owners.setdefault(token, []).append(emotion)
        shared = {token: of for token, of in owners.items() if len(of) > 1}
        said = [" and ".join(f"{tokens[emotion][token]!r} of {emotion}" for emotion in of) for token, of in shared.items()]
        if shared and self.settings.words is not None:
            raise UsageError(f"--words: {said[0]} begin with the same token", hint="leave one of them out")
        if shared:
            self.job.listener.note(
                f"{self.run.extraction.model}: words that begin with one token are left out: {'; '.join(said)}"
            )
        kept = {emotion: sorted({*by_token} - {*shared}) for emotion, by_token in tokens.items()}
        empty = [emotion for emotion, of in kept.items() if not of]
        if empty:
            raise UsageError(
                f"{self.run.subject}: no word of {empty[0]} begins with a token of its own",
                hint='--words FILE.toml, with label = ["word"]',
            )
        return list(kept.values())

    @cached_property
    def patched_layers(self) -> list[int]:
        """The layers at which states are carried; a direction needs stored activations."""
        n_layers = self.engine.loaded.n_layers
        best = self._best_layer(self.variant) if self.run.steering.layer == "best" else 0
        layers = self.run.steering.layers(n_layers, best)
        if self.patching.site == DIRECTION:
            stored = pairs_of(self.reads["activations"])[self.variant.pooling]
            layers = [layer for layer in layers if layer in stored]
        # what a block writes is at the layer that it makes
        written = [layer for layer in layers if layer > 0 or self.patching.site in ("residual", DIRECTION)]
        if not written:
            raise UsageError(f"--layer {self.run.steering.layer}: no {self.patching.site} is there", hint="--layer all")
        return written

    @cached_property
    def cells(self) -> list[Cell]:
        """All places of the run."""
        heads = range(self.patcher.n_heads) if self.patching.site == "head" else (None,)
        places = places_of(self.patching, self.n_suffix)
        return [Cell(layer, place, head) for layer in self.patched_layers for place in places for head in heads]

    def _directions(self, emotion: str, layer: int, chosen: slice) -> np.ndarray:
        """Directions [1 + draw, d_model] of length 1: of the labels as they are, then permuted."""
        permuted = self.permuted(self.run.extraction, self.variant)[emotion]
        return permuted.directions(self.rows(self.run.extraction, self.variant, layer), chosen)

    # effects

    def _effects(self, pairs: Sequence[Pair]) -> pa.Table:
        rows: list[dict[str, Any]] = []
        directions: dict[tuple[str, int], np.ndarray] = {}
        if self.patching.site == DIRECTION:
            chosen = slice(0, 1 + (self.patching.controls if self._is_real else 0))
            for emotion in self.emotions:
                for layer in self.patched_layers:
                    directions[emotion, layer] = np.nan_to_num(self._directions(emotion, layer, chosen))
        title = f"{self.run.subject}: {counted(len(self.cells), 'cell')}"
        with self.job.listener.progress(title, texts=len(pairs)) as advance:
            for pair in pairs:
                rows += self._of_pair(pair, directions)
                advance(1)
        names = [name for name in self.effects.partition.table.file_column_names if name not in self._constant]
        columns: dict[str, list] = {name: [row.get(name) for row in rows] for name in names}
        return table_of("patching_effects", columns | {name: [value] * len(rows) for name, value in self._constant.items()})

    @property
    def _constant(self) -> dict[str, Any]:
        return {
            "extraction_id": self.run.extraction.extraction_id,
            "reference": self.variant.reference,
            "pooling": self.variant.pooling,
            "test_set": self.run.test.dataset,
            "suffix": self.patching.suffix,
        }

    def _of_pair(self, pair: Pair, directions: Mapping[tuple[str, int], np.ndarray]) -> Iterator[dict[str, Any]]:
        """Rows of `patching_effects`: each cell, with the emotion's own text and with the other neutral text as donor."""
        patcher, neutral = self.patcher, self.settings.neutral
        into, gradients = patcher.read(pair.neutral), patcher.gradients(pair.neutral)
        donors = {emotion: patcher.read(ids) for emotion, ids in pair.emotional.items()} | {neutral: patcher.read(pair.other)}
        keys: list[dict[str, Any]] = []
        patches: list[Patch] = []
        for cell in self.cells:
            for key, patch in self._patches(cell, into, donors, directions):
                keys.append({**cell._asdict(), **key})
                patches.append(patch)
            if self.patching.site == DIRECTION:
                self._keep_products(cell, into, donors, gradients)
        guessed = [patcher.attribution(patch, into, gradients) for patch in patches]
        seen = patcher.changes(pair.neutral, patches) if self._is_real else [None] * len(patches)
        for key, guess, change in zip(keys, guessed, seen, strict=True):
            # a state that no direction has chosen says something about every emotion
            for emotion in [key["emotion"]] if "emotion" in key else pair.emotional:
                label = self.emotions.index(emotion)
                yield {
                    **key,
                    "topic": pair.topic,
                    "emotion": emotion,
                    "site": self.patching.site,
                    "effect": None if change is None else float(change[label]),
                    "clean": float(donors[key["donor"]].log_odds[label]),
                    "corrupted": float(into.log_odds[label]),
                    "attribution": float(guess[label]),
                }

    def _patches(
        self, cell: Cell, into: "Reading", donors: "Mapping[str, Reading]", directions: Mapping[tuple[str, int], np.ndarray]
    ) -> "Iterator[tuple[dict[str, Any], Patch]]":
        """What is carried at a cell: of each donor, what it does to which emotion, and along which draw of a direction."""
        from emotion_cli.models.patching import RESIDUAL, Patch, along, along_mean

        carry = along_mean if cell.positions == TEXT else along
        places = positions_of(cell.positions, len(into.ids), self.n_suffix)
        for donor, reading in donors.items():
            of_donor = list(positions_of(cell.positions, len(reading.ids), self.n_suffix))
            if self.patching.site != DIRECTION:
                key = (self.patching.site, cell.layer)
                values = self.patcher.part(reading.states[key], cell.head)[of_donor]
                # of an emotion's text its own emotion; of a neutral text every one
                own = {} if donor == self.settings.neutral else {"emotion": donor}
                yield {"donor": donor, **own}, Patch(*key, places, values, cell.head)
                continue
            before, after = into.states[RESIDUAL, cell.layer][list(places)], reading.states[RESIDUAL, cell.layer][of_donor]
            for emotion in donors if donor == self.settings.neutral else (donor,):
                if emotion == self.settings.neutral:
                    continue
                # directions of permuted labels carry the emotion's own text only
                drawn = directions[emotion, cell.layer][: 1 if donor == self.settings.neutral else None]
                for draw, values in enumerate(carry(before, after, drawn), -1):
                    key = {"donor": donor, "emotion": emotion, "draw": None if draw < 0 else draw}
                    yield key, Patch(RESIDUAL, cell.layer, places, values)

    def _keep_products(self, cell: Cell, into: "Reading", donors: "Mapping[str, Reading]", gradients: "States") -> None:
        """Keep what guesses for any direction are made of: gradients and differences [position, d_model] of each emotion."""
        from emotion_cli.models.patching import RESIDUAL

        places = list(positions_of(cell.positions, len(into.ids), self.n_suffix))
        before = into.states[RESIDUAL, cell.layer][places]
        for emotion, reading in donors.items():
            if emotion != self.settings.neutral:
                of_donor = list(positions_of(cell.positions, len(reading.ids), self.n_suffix))
                after = reading.states[RESIDUAL, cell.layer][of_donor]
                slope = gradients[RESIDUAL, cell.layer][self.emotions.index(emotion), places]
                if cell.positions == TEXT:
                    slope, change = slope.sum(0, keepdim=True), (after.mean(0) - before.mean(0))[None]
                else:
                    change = after - before
                kept = self._products.setdefault((emotion, cell), [])
                kept.append((slope.float().cpu().numpy(), change.float().cpu().numpy()))

    # statistics

    def _measured(self) -> pa.Table:
        rows: list[_Row] = []
        stored = [row for name in sorted(self.effects.entries) for row in self.effects.read(self.effects.entries[name])]
        clusters = {pair.topic: pair.cluster for pair in self.pairs}
        for emotion in self.emotions:
            topics = sorted(pair.topic for pair in self.pairs if emotion in pair.emotional)
            of_emotion = [row for row in stored if row["emotion"] == emotion]
            sampling = sampling_of(self.job, self.run.test.dataset, "patching", emotion)
            of_clusters = [clusters[topic] for topic in topics]
            about = Topics(topics, of_clusters if any(of_clusters) else None, sampling)
            rows += self._of_emotion(emotion, of_emotion, about)
        return statistics_table("patching_statistics", rows, **self._constant)

    def _of_emotion(self, emotion: str, stored: Sequence[Mapping[str, Any]], topics: Topics) -> list[_Row]:
        by_donor: dict[tuple[str, int | None], dict[tuple[Cell, str], Mapping[str, Any]]] = {}
        for row in stored:
            place = Cell(row["layer"], row["positions"], row["head"]), row["topic"]
            by_donor.setdefault((row["donor"], row["draw"]), {})[place] = row

        def values(name: str, donor: str, draw: int | None = None) -> np.ndarray:
            """Values of a column [cell, topic]."""
            chosen = by_donor[donor, draw]
            return np.array([[chosen[cell, topic][name] for topic in topics.names] for cell in self.cells], float)

        guessed = values("attribution", emotion)
        total = values("clean", emotion)[0] - values("corrupted", emotion)[0]
        site = self.patching.site
        rows = [_Row(emotion, "total", beside_signs(total[None], topics)[0], site)]
        rows += self._by_cell(emotion, "attribution", beside_signs(guessed, topics))
        beyond = guessed - values("attribution", self.settings.neutral)
        rows += self._by_cell(emotion, "attribution_beyond_neutral", beside_signs(beyond, topics))
        if self.patching.site == DIRECTION:
            rows += self._beside_drawn(emotion, guessed, topics)
        if not self._is_real:
            return rows
        seen, other = values("effect", emotion), values("effect", self.settings.neutral)
        rows += self._by_cell(emotion, "effect", beside_signs(seen, topics))
        rows += self._by_cell(emotion, "effect_beyond_neutral", beside_signs(seen - other, topics))
        rows += self._by_cell(emotion, "share", [share(of_cell, total, topics) for of_cell in seen])
        if self.patching.site == DIRECTION:
            draws = np.array([values("effect", emotion, draw).mean(1) for draw in range(self._n_carried(emotion))])
            test = self._permuted(emotion).test
            rows += self._by_cell(emotion, "effect_against_directions", beside_directions(seen, draws, topics, test))
        for measure, value in agreement(seen.mean(1), guessed.mean(1))._asdict().items():
            rows.append(_Row(emotion, f"attribution_{measure}", Statistic(value, NO_NULL, topics.n), site))
        return rows

    def _by_cell(self, emotion: str, measure: str, statistics: Sequence[Statistic]) -> list[_Row]:
        site = self.patching.site
        return [_Row(emotion, measure, statistic, site, *cell) for cell, statistic in zip(self.cells, statistics, strict=True)]

    def _permuted(self, emotion: str) -> Any:
        return self.permuted(self.run.extraction, self.variant)[emotion]

    def _n_carried(self, emotion: str) -> int:
        """How many directions of permuted labels are really carried."""
        return min(self.patching.controls, len(self._permuted(emotion).draws.permuted) - 1)

    def _beside_drawn(self, emotion: str, guessed: np.ndarray, topics: Topics) -> list[_Row]:
        """Guesses beside those for directions of permuted labels, and for Gaussian ones."""
        if (
            any(len(kept) < topics.n_pairs for (label, _), kept in self._products.items() if label == emotion)
            or not self._products
        ):
            # stored effects are of a run that was stopped: only what guesses are made of is read again
            self._products.clear()
            for pair in self.pairs:
                into, gradients = self.patcher.read(pair.neutral), self.patcher.gradients(pair.neutral)
                donors = {label: self.patcher.read(ids) for label, ids in pair.emotional.items()}
                for cell in self.cells:
                    self._keep_products(cell, into, donors, gradients)
        random = gaussian(self.engine.loaded.d_model, self.settings.draws, self.settings.seed)
        permuted_draws, gaussian_draws = [], []
        for cell in self.cells:
            kept = self._products[emotion, cell]
            permuted = np.nan_to_num(self._directions(emotion, cell.layer, slice(1, None)))
            for drawn, draws in ((permuted, permuted_draws), (random, gaussian_draws)):
                draws.append(np.mean([((drawn @ slope.T) * (drawn @ change.T)).sum(1) for slope, change in kept], axis=0))
        nulls = ((permuted_draws, self._permuted(emotion).test), (gaussian_draws, Test(GAUSSIAN)))
        return [
            row
            for draws, test in nulls
            for row in self._by_cell(
                emotion, "attribution_against_directions", beside_directions(guessed, np.array(draws).T, topics, test)
            )
        ]
