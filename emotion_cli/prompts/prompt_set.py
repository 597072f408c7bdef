"""A named prompt set: validated rows, their content hashes, and the columns that the store keeps of them."""

import hashlib
import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from emotion_cli.errors import UsageError
from emotion_cli.prompts.alike import closest, is_blank, questions_of_labels, questions_of_texts, twins
from emotion_cli.prompts.scripts import words_of
from emotion_cli.wording import counted

ROLES = ("train", "test")
KEYS = ("text", "emotion", "topic", "cluster", "lang")
"""Keys of a row of an imported file; `text` and `emotion` are required."""

RESERVED = "others"
"""No label: as a reference it stands for the mean of the other emotions."""

MOST_FAULTS_SHOWN = 100

REFUSE, DROP = SEVERAL_LABELS = ("refuse", "drop")
"""What becomes of texts under several labels."""

HALF_A_PAIR = re.compile("[\ud800-\udfff]")


class Row(NamedTuple):
    """One row as read from a file, with the place to name when it is at fault (`file:line`)."""

    place: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Prompt:
    """One distinct text under one label, and how often the file had it."""

    text: str
    emotion: str
    topic: str | None = None
    lang: str | None = None
    n_copies: int = 1
    cluster: str | None = None

    @cached_property
    def prompt_id(self) -> str:
        """Content hash of label and text, 16 hex digits."""
        return hashlib.sha256(json.dumps([self.emotion, self.text], ensure_ascii=False).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class PromptSet:
    """A validated set of distinct prompts in file order; `role` test sets never make a vector."""

    name: str
    role: str
    prompts: tuple[Prompt, ...]

    @cached_property
    def sha256(self) -> str:
        """Content hash of texts and labels in any order; topics and clusters are not in it, because they change no activation."""
        ids = sorted(prompt.prompt_id for prompt in self.prompts)
        return hashlib.sha256(json.dumps(ids).encode()).hexdigest()

    @property
    def emotions(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return tuple(sorted({prompt.emotion for prompt in self.prompts}))

    def columns(self) -> dict[str, list[Any]]:
        """The prompts as columns of the store's `prompts` table."""
        return {
            "prompt_id": [prompt.prompt_id for prompt in self.prompts],
            "topic": [prompt.topic for prompt in self.prompts],
            "emotion": [prompt.emotion for prompt in self.prompts],
            "text": [prompt.text for prompt in self.prompts],
            "lang": [prompt.lang for prompt in self.prompts],
            "role": [self.role] * len(self.prompts),
            "cluster": [prompt.cluster for prompt in self.prompts],
            "n_copies": [prompt.n_copies for prompt in self.prompts],
            "n_words": [len(words_of(prompt.text)) for prompt in self.prompts],
            "final_char": [prompt.text.rstrip()[-1] for prompt in self.prompts],
        }


def validated(
    name: str,
    rows: Iterable[Row],
    *,
    role: str = "train",
    reference: str | None = None,
    faults: Sequence[str] = (),
    files: Sequence[Path] = (),
    accept_labels: bool = False,
    note: Callable[[str], None] = lambda _: None,
    options: Sequence[str] = (),
    several_labels: str = REFUSE,
) -> PromptSet:
    """The set of `rows`; UsageError naming every fault and its place.

    `several_labels` says what becomes of texts that stand under more than one label: they are refused, with their number, or
    dropped, with a note.

    `faults` are those already found while reading `files`; `reference` must be a label of the set. Labels, topics and texts that
    look alike are questioned, unless `accept_labels` is given. `options` are those of the command line that would read the files.
    """
    problems = list(faults)
    if role not in ROLES:
        problems.append(f"role {role!r}: one of {', '.join(ROLES)} is expected")
    rows = list(rows)
    several = _with_several_labels(rows)
    if several and several_labels == DROP:
        left_out = len({row.place for row in rows if row.values.get("text") in several})
        note(f"left out: {counted(len(several), 'text')} under several labels ({counted(left_out, 'row')})")
        rows = [row for row in rows if row.values.get("text") not in several]
    elif len(several) > 1:
        # a single one is a slip, which its line names
        problems.append(
            f"{counted(len(several), 'text')} under several labels; --several-labels drop leaves them out, with all their rows"
        )
    prompts: dict[tuple[str, str], Prompt] = {}
    first_place: dict[str, str] = {}
    by_text: dict[str, Prompt] = {}
    labels: dict[str, list[str]] = {}
    topics: dict[str, list[str]] = {}
    clusters: dict[str, list[str]] = {}
    cluster_of: dict[str, tuple[str | None, str]] = {}
    for row in rows:
        wrong = _faults_of(row)
        if wrong:
            problems += wrong
            continue
        values = {key: row.values.get(key) for key in KEYS}
        prompt = Prompt(row.values["text"], row.values["emotion"], values["topic"], values["lang"], cluster=values["cluster"])
        labels.setdefault(prompt.emotion, []).append(row.place)
        if prompt.topic is not None:
            topics.setdefault(prompt.topic, []).append(row.place)
            problems += _second_cluster(prompt, row.place, cluster_of)
        if prompt.cluster is not None:
            clusters.setdefault(prompt.cluster, []).append(row.place)
        earlier = by_text.setdefault(prompt.text, prompt)
        where = first_place.setdefault(prompt.text, row.place)
        if earlier.emotion != prompt.emotion:
            problems.append(f"{row.place}: the text has label {prompt.emotion!r} here and {earlier.emotion!r} at {where}")
        elif earlier.topic != prompt.topic:
            problems.append(f"{row.place}: the text has topic {prompt.topic!r} here and {earlier.topic!r} at {where}")
        else:
            known = prompts.get((prompt.emotion, prompt.text))
            copies = known.n_copies + 1 if known else 1
            prompts[prompt.emotion, prompt.text] = replace(earlier, n_copies=copies)
    counts = Counter(prompt.emotion for prompt in prompts.values())
    problems += [
        f"label {label!r} has {counted(n, 'prompt')}; at least 2 are needed" for label, n in sorted(counts.items()) if n < 2
    ]
    if counts and reference is not None and reference not in counts:
        meant = closest(reference, counts)
        problems.append(
            f"reference {reference!r} is not a label of the set; labels are {', '.join(sorted(counts))}"
            + (f"; did you mean {meant!r}?" if meant else "")
        )
    if not prompts and not problems:
        problems.append("there are no prompts")
    contexts = {text: (prompt.emotion, prompt.topic) for text, prompt in by_text.items()}
    texts = questions_of_texts(contexts, first_place)
    asked = [*questions_of_labels(labels, RESERVED), *twins("topic", topics), *twins("cluster", clusters), *texts.questions]
    if texts.n_same:
        n_alike = counted(texts.n_same, "text")
        note(f"counted separately, although they look like another prompt with the same label and topic: {n_alike}")
    if problems or (asked and not accept_labels):
        asked = [] if accept_labels else asked
        raise UsageError(
            _listed(name, [*problems, *asked]), hint=_next(shlex.join(map(str, files)) or "FILE", options, bool(asked))
        )
    return PromptSet(name, role, tuple(prompts.values()))


def _with_several_labels(rows: Sequence[Row]) -> set[str]:
    """The texts that stand under more than one label."""
    labels: dict[str, set[str]] = {}
    for row in rows:
        text, label = row.values.get("text"), row.values.get("emotion")
        if isinstance(text, str) and isinstance(label, str):
            labels.setdefault(text, set()).add(label)
    return {text for text, of_text in labels.items() if len(of_text) > 1}


def _second_cluster(prompt: Prompt, place: str, cluster_of: dict[str, tuple[str | None, str]]) -> list[str]:
    """A fault where the prompt's topic was in another cluster earlier; `cluster_of` holds each topic's cluster and place."""
    earlier, where = cluster_of.setdefault(prompt.topic or "", (prompt.cluster, place))
    if earlier == prompt.cluster:
        return []
    here, there = ("no cluster" if cluster is None else f"cluster {cluster!r}" for cluster in (prompt.cluster, earlier))
    return [f"{place}: the topic {prompt.topic!r} has {here} here and {there} at {where}"]


def _next(files: str, options: Sequence[str], is_asked: bool) -> str:
    if options:
        return f"emo datasets validate {files} {' '.join(options)}"
    fix = f"fix these rows, then: emo datasets validate {files}"
    return f"{fix}; if the data are correct as they are, add --accept-labels" if is_asked else fix


def _faults_of(row: Row) -> list[str]:
    wrong = [f"{row.place}: unknown key {key!r}; known are {', '.join(KEYS)}" for key in row.values if key not in KEYS]
    for key in KEYS:
        value = row.values.get(key)
        if value is None:
            if key in ("text", "emotion"):
                wrong.append(f"{row.place}: {key} is missing")
        elif not isinstance(value, str):
            wrong.append(f"{row.place}: {key} is {type(value).__name__}, not text")
        elif not value.strip():
            wrong.append(f"{row.place}: {key} is empty")
        elif is_blank(value):
            wrong.append(f"{row.place}: {key} is empty: {value!a} contains no visible character")
        elif HALF_A_PAIR.search(value):
            wrong.append(f"{row.place}: {key} holds half a surrogate pair, which is not a character")
        elif key == "emotion" and value != value.strip():
            wrong.append(f"{row.place}: the label {value!r} has white space at an end")
        elif key == "emotion" and value == RESERVED:
            wrong.append(f"{row.place}: {RESERVED!r} cannot be a label: as a reference it means the mean of the other labels")
    if row.values.get("cluster") is not None and row.values.get("topic") is None:
        wrong.append(f"{row.place}: cluster {row.values['cluster']!r} without a topic: a cluster is a set of topics")
    return wrong


def _in_order_of_lines(fault: str) -> tuple[bool, str, int]:
    """Faults of lines by file and line, then those of the whole set as they were met."""
    place = re.match(r"(?P<file>.*?):(?: row )?(?P<line>\d+):", fault)
    return (False, place["file"], int(place["line"])) if place else (True, "", 0)


def _listed(name: str, faults: Sequence[str]) -> str:
    faults = sorted(faults, key=_in_order_of_lines)
    shown = [f"  {fault}" for fault in faults[:MOST_FAULTS_SHOWN]]
    more = [f"  and {len(faults) - len(shown)} more"] if len(faults) > len(shown) else []
    number = f"{len(faults)} faults" if len(faults) > 1 else "1 fault"
    return "\n".join([f"dataset {name}: {number}, nothing was imported", *shown, *more])
