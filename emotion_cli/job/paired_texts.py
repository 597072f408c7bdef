"""Texts of a test set that tell one topic neutrally and with emotions: between these, states are carried."""

from typing import Any, NamedTuple

import numpy as np

from emotion_cli.errors import UsageError
from emotion_cli.job.job import Job
from emotion_cli.job.patching import PatchingRun
from emotion_cli.wording import counted


class PairedTexts(NamedTuple):
    """What a test set tells in pairs: emotions, topics with their clusters [topic], and the text of each topic and label."""

    emotions: list[str]
    topics: list[str]
    clusters: list[str | None]
    texts: dict[tuple[str, str], str]
    n_left_out: int


def paired_texts(job: Job, run: PatchingRun) -> PairedTexts:
    """The texts of a run that can be paired; UsageError for fewer than two emotions or topics."""
    reads, neutral, test_set = run.reads(job.store), job.settings.neutral, run.test.dataset
    trained = {*reads["prompts"].read(["emotion"])["emotion"].to_pylist()} - {neutral}
    rows = reads["test prompts"].read(["prompt_id", "text", "emotion", "topic", "cluster"]).to_pylist()
    known = {row["emotion"] for row in rows}
    common = trained & known
    if len(common) < 2 or neutral not in known:
        raise UsageError(
            f"{run.subject}: needed are texts of {neutral} and of two emotions; "
            f"both sets have {', '.join(sorted(known & (trained | {neutral}))) or 'no label in common'}",
            hint="--neutral LABEL, or another set: emo datasets list",
        )
    concerned = [row for row in rows if row["emotion"] in {*common, neutral}]
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(concerned, key=lambda row: row["prompt_id"]):
        if row["topic"] is not None:
            first.setdefault((row["topic"], row["emotion"]), row)
    with_emotion = {topic for topic, label in first if label != neutral}
    topics = sorted(topic for topic, label in first if label == neutral and topic in with_emotion)
    of_topics = {*topics}
    emotions = sorted({label for topic, label in first if topic in of_topics} - {neutral})
    if len(topics) < 2 or len(emotions) < 2:
        raise UsageError(
            f"{run.subject}: texts are paired by topic, and {test_set} has {counted(len(topics), 'topic')} told both "
            f"{neutral} and with an emotion, and {counted(len(emotions), 'emotion')} in them; two are needed of each",
            hint=f"emo datasets show {test_set}",
        )
    texts = {key: row["text"] for key, row in first.items() if key[0] in of_topics}
    clusters = [first[topic, neutral]["cluster"] for topic in topics]
    return PairedTexts(emotions, topics, clusters, texts, len(concerned) - len(texts))


def next_of_another(units: np.ndarray, place: int) -> int:
    """The next topic of another unit; the next one where all are of one."""
    following = [*range(place + 1, len(units)), *range(place)]
    return next((other for other in following if units[other] != units[place]), following[0])
