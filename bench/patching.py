"""States carried at every layer and place: one pass for many patches, against a loop of one whole pass for each of them."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.measuring import interleaved, table
from emotion_cli.wording import counted

NAME = "Patching"
TOPICS = 1
SUFFIX = " I feel"
WORDS = ("thankful", "angry", "sorry")
ROWS = 64
WHOLE, LOOP = f"whole passes, {ROWS} patches each", "a whole pass for each patch"


def run(options: Namespace) -> str:
    import torch

    from emotion_cli.models.intervening import Engine
    from emotion_cli.models.loading import load
    from emotion_cli.models.patching import RESIDUAL, Patch, Patcher, first_tokens
    from emotion_cli.models.sources.finding import find
    from emotion_cli.settings import resolve

    torch.set_num_threads(options.threads)
    rows = []
    for model in options.model:
        engine = Engine(load(find(model, cache=resolve({}, folder=Path("/")).cache), head=True))
        n_layers = engine.loaded.n_layers
        patcher = Patcher(engine, [[token] for token in first_tokens(engine, WORDS)], [RESIDUAL], range(n_layers + 1))
        n_suffix = len(engine.loaded.tokenizer(SUFFIX, add_special_tokens=False)["input_ids"])
        places = [*((-i,) for i in range(1, n_suffix + 1)), tuple(range(-n_suffix, 0))]
        texts: list[tuple[list[int], list[Patch]]] = []
        for neutral, donors in _pairs(engine):
            patches = [
                Patch(
                    RESIDUAL,
                    layer,
                    tuple(len(neutral) + place for place in of_cell),
                    reading.states[RESIDUAL, layer][list(of_cell)],
                )
                for reading in map(patcher.read, donors)
                for layer in range(n_layers + 1)
                for of_cell in places
            ]
            texts.append((neutral, patches))
        # the first call proves which way of running rows is exact
        patcher.changes(texts[0][0], texts[0][1][:1])
        ways = {"emo": patcher.changes, WHOLE: partial(_batched, patcher), LOOP: partial(_looped, patcher)}
        recipes = {name: partial(_each, way, texts) for name, way in ways.items()}
        seen = interleaved(recipes, options.runs, fewer=dict.fromkeys((WHOLE, LOOP), min(2, options.runs)))
        slowest = seen[LOOP]
        n_patches = sum(len(patches) for _, patches in texts)
        for name in recipes:
            rows.append(
                {
                    "model": model,
                    "recipe": name,
                    "patches": n_patches,
                    "seconds": f"{seen[name].wall:.2f}",
                    "ms a patch": f"{1000 * seen[name].wall / n_patches:.2f}",
                    "times faster": f"{slowest.wall / seen[name].wall:.1f}",
                    "largest difference": f"{np.abs(seen[name].last - slowest.last).max():.0e}",
                    "peak MB": f"{seen[name].peak / 2**20:.0f}",
                }
            )
            print(rows[-1], flush=True)
    return f"""## {NAME}

Whole states of the emotional texts, and of another neutral text, are carried into the neutral text of a topic
({counted(TOPICS, "topic")} of `heldout`). That is done at all layers, at each token of `{SUFFIX}` and at all of them together.
The loop is what activation patching usually is: a hook that puts one state in place, and a whole pass. It has no padding,
and makes the logits of the last token only. Differences are of log-odds, in nats.

{table(rows)}"""


def _pairs(engine: Any) -> list[tuple[list[int], list[list[int]]]]:
    """Token ids of neutral texts, each with its topic's emotional texts and another neutral one."""
    from emotion_cli.models.tokens import tokenize
    from emotion_cli.prompts.shipped import shipped_prompt_set

    by_topic: dict[str, dict[str, str]] = {}
    for prompt in shipped_prompt_set("heldout").prompts:
        by_topic.setdefault(str(prompt.topic), {})[prompt.emotion] = prompt.text
    suffix = engine.loaded.tokenizer(SUFFIX, add_special_tokens=False)["input_ids"]

    def ids(texts: Sequence[str]) -> list[list[int]]:
        return [[*row, *suffix] for row in tokenize(engine.loaded, texts).ids]

    topics = sorted(by_topic)[: TOPICS + 1]
    pairs = []
    for topic, following in pairwise(topics):
        texts = dict(by_topic[topic])
        neutral = texts.pop("neutral")
        first, *donors = ids([neutral, *texts.values(), by_topic[following]["neutral"]])
        pairs.append((first, donors))
    return pairs


def _each(changes: Callable[[list[int], list], np.ndarray], texts: Sequence[tuple[list[int], list]]) -> np.ndarray:
    return np.concatenate([changes(ids, patches) for ids, patches in texts])


def _batched(patcher: Any, ids: list[int], patches: Sequence[Any]) -> np.ndarray:
    return np.concatenate([patcher.plain_changes(ids, patches[i : i + ROWS]) for i in range(0, len(patches), ROWS)])


def _looped(patcher: Any, ids: list[int], patches: Sequence[Any]) -> np.ndarray:
    """Changes [patch, label] by a whole pass for each patch, with a hook of torch's own."""
    import torch

    blocks, tokens = patcher.loaded.blocks, torch.tensor([ids])
    words = [list(of_label) for of_label in patcher.words]

    def log_odds() -> np.ndarray:
        with torch.inference_mode():
            logits = patcher.loaded.causal(input_ids=tokens, use_cache=False, logits_to_keep=1).logits[0, -1].double()
        of_label = np.array([float(logits[of].logsumexp(0)) for of in words])
        return of_label - (of_label.sum() - of_label) / (len(words) - 1)

    def put(states: "torch.Tensor", patch: Any) -> "torch.Tensor":
        states = states.clone()
        states[0, list(patch.positions)] = patch.values
        return states

    before, changed = log_odds(), []
    for patch in patches:
        if patch.layer == 0:
            handle = blocks[0].register_forward_pre_hook(
                lambda module, args, kwargs, patch=patch: (
                    ((put(args[0], patch), *args[1:]), kwargs)
                    if args
                    else (args, {**kwargs, "hidden_states": put(kwargs["hidden_states"], patch)})
                ),
                with_kwargs=True,
            )
        else:
            handle = blocks[patch.layer - 1].register_forward_hook(
                lambda module, args, output, patch=patch: (
                    put(output, patch) if isinstance(output, torch.Tensor) else (put(output[0], patch), *output[1:])
                )
            )
        changed.append(log_odds() - before)
        handle.remove()
    return np.array(changed)
