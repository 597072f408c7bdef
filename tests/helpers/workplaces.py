"""A dataset and models small enough to go through the whole command line in seconds."""

import json
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


def write_prompts(path: Path) -> Path:
    topics = ["the bus", "a of", "you and I", "today", "the bus is late", "so much"]
    texts = {"thanks": "thank you {} .", "rage": "I am furious {} !", "calm": "the bus is {} ."}
    rows = [
        {"text": text.format(topic), "emotion": emotion, "topic": topic, "lang": "en"}
        for topic in topics
        for emotion, text in texts.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


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
