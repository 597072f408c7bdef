"""A dataset and models small enough to go through the whole command line in seconds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import tiny
from command import emo_ok

MODELS = {
    "tiny-gpt2": ("gpt2", {}),
    "tiny-neox": ("gpt_neox", {}),
    "tiny-wide": ("llama", {"hidden_size": 64, "num_hidden_layers": 2}),
}


class Workplace(NamedTuple):
    store: Path
    models: list[Path]
    cache: Path
    prompts: Path


def workplace_at(root: Path) -> Workplace:
    return Workplace(root / "store", [root / name for name in MODELS], root / "cache", root / "mine.jsonl")


def build_workplace(root: Path) -> Workplace:
    place = workplace_at(root)
    for name, (architecture, changes) in MODELS.items():
        tiny.save_model(root / name, architecture, **changes)
    write_prompts(place.prompts)
    emo_ok("datasets", "import", place.prompts, "--dataset", "mine", "--store", place.store)
    emo_ok("run", *run_options(place))
    return place


TOPICS = ("the bus", "a of", "you and I", "today", "the bus is late", "so much")
TEXTS = {"thanks": "thank you {} .", "rage": "I am furious {} !", "calm": "the bus is {} ."}
TEST_TEXTS = {"thanks": "{} , thank you so much .", "rage": "{} , I am furious today !", "calm": "{} , the bus is of a ."}


def write_prompts(path: Path, texts: Mapping[str, str] = TEXTS, topics: Sequence[str] = TOPICS) -> Path:
    rows = [
        {"text": text.format(topic), "emotion": emotion, "topic": topic, "lang": "en"}
        for topic in topics
        for emotion, text in texts.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def fill_every_table(place: Workplace) -> None:
    """Rows in every table of a store of `build_workplace`, each made by a command of its own kind; a run supersedes some."""
    root, (model, *_) = place.store.parent, place.models
    # a set that shares prompts with the first, and a test set
    write_prompts(root / "wider.jsonl", topics=(*TOPICS, "late today", "and the bus"))
    write_prompts(root / "exam.jsonl", TEST_TEXTS)
    emo_ok("datasets", "import", root / "wider.jsonl", "-d", "wider", "--store", place.store)
    emo_ok("datasets", "import", root / "exam.jsonl", "-d", "exam", "--role", "test", "--store", place.store)
    emo_ok("run", *run_options(place._replace(models=[model])), "-d", "wider", "-d", "exam", "--draws", 120)
    of_model = ("-d", "mine", "-m", model, "--neutral", "calm", "--store", place.store, "--cache", place.cache)
    steer = ("steer", *of_model, "--reference", "calm", "--layer", 2, "--alpha", 0.2)
    emo_ok("models", "check", model, "--store", place.store, "--cache", place.cache)
    emo_ok(*steer, "--on", "exam", "--controls", 39)
    emo_ok(*steer, "--write", 1, "--prefix", "the bus", "--tokens", 3)
    emo_ok("score", *of_model, "--on", "exam")
    (root / "words.toml").write_text('thanks = ["thank"]\nrage = ["furious"]\n', encoding="utf-8")
    emo_ok("lens", *of_model, "--words", root / "words.toml")
    emo_ok("patch", *of_model, "--on", "exam", "--words", root / "words.toml")
    emo_ok("heads", *of_model, "--on", "exam", "--layer", 2)


def run_options(place: Workplace) -> list[object]:
    models = [word for model in place.models for word in ("-m", model)]
    return [
        "-d",
        "mine",
        "--no-controls",
        *models,
        "--reference",
        "calm",
        "--neutral",
        "calm",
        "--pooling",
        "last",
        "--pooling",
        "mean",
        "--store",
        place.store,
        "--cache",
        place.cache,
    ]
