"""Our extraction against the recipes that other tools use, on the same tokens, in one process."""

from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import recipes
from bench.measuring import interleaved, matmul_rate, table
from bench.texts import BOS, SETS

NAME = "Extraction"
LABELS = {"emo": "emo", "a": "(a) one at a time", "b": "(b) padded batches", "c": "(c) sorted, bare decoder"}
PLOT = Path(__file__).with_name("extraction.png")


def run(options: Namespace) -> str:
    sections, speeds = [], []
    for model in options.model:
        rows, faster = _measure(model, options)
        sections.append(f"### {model}\n\n{table(rows)}")
        speeds += faster
    _plot(speeds)
    return text_of(sections)


def text_of(sections: list[str]) -> str:
    """The section of the results around its tables."""
    return f"""## {NAME}

The residual stream of the last token at every layer, float32, from token ids to an array; `emo` with its proof. Times are
seconds of processor time (medians, the recipes run in turn, (a) once); `x` is how many times faster `emo` is. Peak memory is
what a recipe adds to what the process held before it (freed memory is given back between recipes).
`of it proof` is what small sets pay most for. `of matmul` is the rate of the blocks' matrix products over that of torch's own
product of the same sizes on this machine. `different`: no two prompts share a first token.
`long`: texts of 200 to 500 tokens.

![times over those of emo](extraction.png)

{chr(10).join(sections)}"""


def _measure(model: str, options: Namespace) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    import torch
    import transformers

    from emotion_cli.models.loading import load
    from emotion_cli.models.sources.finding import find
    from emotion_cli.models.tokens import tokenize
    from emotion_cli.settings import resolve

    torch.set_num_threads(options.threads)
    loaded = load(find(model, cache=resolve({}, folder=Path("/")).cache), device="cpu")
    causal = transformers.AutoModelForCausalLM.from_pretrained(loaded.source.folder, dtype=torch.float32).eval()
    weights = sum(parameter.numel() for block in loaded.blocks for parameter in block.parameters())
    config = loaded.model.config
    rate = matmul_rate(512, config.hidden_size, config.intermediate_size)
    rows, speeds = [], []
    for name in options.set or SETS:
        ids = tokenize(loaded, SETS[name](loaded.tokenizer), bos=BOS.get(name, "auto")).ids
        ways = {
            "emo": partial(recipes.ours, loaded),
            "c": partial(recipes.sorted_by_length, loaded.model, loaded.blocks),
            "b": partial(recipes.padded, causal),
            "a": partial(recipes.singly, causal),
        }
        measured = interleaved({key: partial(way, ids) for key, way in ways.items()}, options.runs, fewer={"a": 1})
        values, choice, computed, proof = measured["emo"].last
        for run in ("b", "c"):
            # the last state of (b) is after the final norm
            theirs = measured[run].last[:-1]
            error = np.linalg.norm(values[:-1] - theirs, axis=-1) / np.linalg.norm(theirs, axis=-1)
            # a wrong token or layer would be off by its norm; one Gemma prompt without BOS is so badly conditioned that one plain
            # float32 pass is itself 5e-5 off float64
            assert error.max() < 1e-3, (name, run, error.max())
        emo = measured["emo"]
        done = 2 * weights * computed / emo.cpu
        rows.append(
            {
                "set": name,
                "prompts": len(ids),
                "tokens": sum(map(len, ids)),
                "computed": computed,
                "strategy": choice.strategy,
                "error": f"{choice.error:.0e}",
                "emo s": f"{emo.cpu:.2f}",
                "of it proof": f"{proof:.2f}",
                **{f"{key} s": f"{measured[key].cpu:.2f}" for key in "abc"},
                **{f"x {key}": f"{measured[key].cpu / emo.cpu:.2f}" for key in "abc"},
                "tokens/s": f"{sum(map(len, ids)) / emo.cpu:.0f}",
                "of matmul": f"{done / rate:.0%}",
                "peak MB emo/b/c": "/".join(f"{measured[key].peak / 2**20:.0f}" for key in ("emo", "b", "c")),
            }
        )
        speeds.append({"what": f"{model}\n{name}", **{key: measured[key].cpu / emo.cpu for key in LABELS}})
        print(rows[-1], flush=True)
    return rows, speeds


def _plot(speeds: list[dict[str, Any]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 0.75 * len(speeds) + 1.2), layout="constrained")
    looks = {"emo": ("#000000", "o"), "c": ("#0072B2", "s"), "b": ("#E69F00", "^"), "a": ("#CC79A7", "D")}
    for key, (colour, marker) in looks.items():
        axes.plot([speed[key] for speed in speeds], range(len(speeds)), marker, color=colour, label=LABELS[key], linestyle="none")
    axes.set_yticks(range(len(speeds)), [speed["what"].replace("\n", ", ") for speed in speeds])
    axes.invert_yaxis()
    axes.set_xscale("log")
    ticks = [1, 1.5, 2, 3, 5, 10, 20]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="x", color="#dddddd")
    axes.set_xlabel("processor time over that of emo (log scale; right is slower)")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(PLOT, dpi=120, metadata={"Software": None})
    pyplot.close(figure)
