"""How far directions move when the forward pass runs in bfloat16: cosine to float32, layer by layer."""

from argparse import Namespace
from functools import partial
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
    from emotion_cli.models.reader import Reader
    from emotion_cli.models.sources.finding import find
    from emotion_cli.prompts.shipped import shipped_prompt_set
    from emotion_cli.settings import resolve

    torch.set_num_threads(options.threads)
    prompts = shipped_prompt_set("extended").prompts
    labels = [prompt.emotion for prompt in prompts]
    made_of = Labels(labels, [prompt.topic for prompt in prompts], sorted(set(labels) - {"neutral"}), "neutral")
    by_dtype, ways, choices = {}, {}, {}
    for dtype in ("float32", "bfloat16"):
        reader = Reader(load(find(model, cache=resolve({}, folder=Path("/")).cache), device="cpu", dtype=dtype))
        tokens, layers = reader.tokens([prompt.text for prompt in prompts]), list(range(reader.loaded.n_layers + 1))
        choice = choices[dtype] = reader.choose(tokens, layers)
        ways[dtype] = partial(reader.pool, tokens, choice, range(len(prompts)), poolings=["last"], layers=layers)
    measured = interleaved(ways, options.runs)
    for dtype, timed in measured.items():
        vectors = [directions(layer.astype(np.float64), made_of) for layer in timed.last.values["last"]]
        by_dtype[dtype] = np.array([[direction.vector for direction in layer] for layer in vectors])
    full, half = by_dtype["float32"], by_dtype["bfloat16"]
    cosines = (full * half).sum(-1) / np.maximum(np.linalg.norm(full, axis=-1) * np.linalg.norm(half, axis=-1), 1e-30)
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
