"""How far directions move when the forward pass runs in bfloat16: cosine to float32, layer by layer."""

from argparse import Namespace
from pathlib import Path

import numpy as np

from bench.measuring import interleaved, table

NAME = "Number formats"


def run(options: Namespace) -> str:
    sections = []
    for model in options.model:
        rows = _measure(model, options)
        print(rows, flush=True)
        sections.append(f"### {model}\n\n{table(rows)}")
    return f"""## {NAME}

`extended`, pooling last, mean difference against neutral: lowest, mean and highest cosine over layers (the embeddings left out)
of the direction from a bfloat16 pass to the one from a float32 pass, and processor seconds of the pass. `error` is the largest
deviation of tree packing from single prompts, in the same format.

{chr(10).join(sections)}"""


def _measure(model: str, options: Namespace) -> list[dict[str, str]]:
    import torch

    from emotion_cli.measures.directions import directions
    from emotion_cli.measures.labels import Labels
    from emotion_cli.models.loading import load
    from emotion_cli.models.packing.proof import choose_strategy
    from emotion_cli.models.pooling import BATCH_TOKENS, pooled_activations
    from emotion_cli.models.sources.finding import find
    from emotion_cli.models.tokens import tokenize
    from emotion_cli.prompts.shipped import shipped_prompt_set
    from emotion_cli.settings import resolve

    torch.set_num_threads(options.threads)
    prompts = shipped_prompt_set("extended").prompts
    labels = [prompt.emotion for prompt in prompts]
    made_of = Labels(labels, [prompt.topic for prompt in prompts], sorted(set(labels) - {"neutral"}), "neutral")
    found, loaded_as, choices = {}, {}, {}
    for dtype in ("float32", "bfloat16"):
        loaded = loaded_as[dtype] = load(find(model, cache=resolve({}, folder=Path("/")).cache), dtype=dtype)
        ids = tokenize(loaded, [prompt.text for prompt in prompts]).ids
        layers = list(range(loaded.n_layers + 1))
        choices[dtype] = choose_strategy(loaded, ids, layers=layers, batch_tokens=BATCH_TOKENS["cpu"])
    measured = interleaved(
        {
            dtype: lambda loaded=loaded, dtype=dtype: pooled_activations(
                loaded,
                ids,
                poolings=["last"],
                layers=layers,
                batch_tokens=BATCH_TOKENS["cpu"],
                strategy=choices[dtype].strategy,
                fast=choices[dtype].fast,
            ).values["last"]
            for dtype, loaded in loaded_as.items()
        },
        options.runs,
    )
    for dtype, one in measured.items():
        vectors = [directions(layer.astype(np.float64), made_of) for layer in one.last]
        found[dtype] = np.array([[direction.vector for direction in layer] for layer in vectors])
    one, other = found["float32"], found["bfloat16"]
    cosines = (one * other).sum(-1) / np.maximum(np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1), 1e-30)
    rows = []
    for k, emotion in enumerate(made_of.emotions):
        values = cosines[1:, k]
        rows.append(
            {
                "emotion": emotion,
                "lowest cosine": f"{values.min():.4f}",
                "at layer": str(1 + int(values.argmin())),
                "mean": f"{values.mean():.4f}",
                "highest": f"{values.max():.4f}",
                "float32 s": f"{measured['float32'].cpu:.2f}",
                "bfloat16 s": f"{measured['bfloat16'].cpu:.2f}",
                "error float32": f"{choices['float32'].error:.0e}",
                "error bfloat16": f"{choices['bfloat16'].error:.0e}",
            }
        )
    return rows
