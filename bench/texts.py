"""The prompt sets that are measured: those that ship, one in which nothing is shared, and long texts."""

import random
from typing import Any


def shipped(name: str) -> list[str]:
    from emotion_cli.prompts.shipped import shipped_prompt_set

    return [prompt.text for prompt in shipped_prompt_set(name).prompts]


def different(tokenizer: Any, count: int = 400, seed: int = 0) -> list[str]:
    """The `extended` prompts after a first word whose first token no other prompt has."""
    rng = random.Random(seed)
    firsts, prompts = set(), []
    words = [
        word
        for token in sorted(tokenizer.get_vocab())
        if (word := token.strip("Ġ▁")).isalpha() and word.isascii() and len(word) > 3
    ]
    rng.shuffle(words)
    texts = shipped("extended")[:count]
    for word in words:
        text = f"{word.capitalize()} {texts[len(prompts)]}"
        first = tokenizer(text, add_special_tokens=False)["input_ids"][0]
        if first not in firsts:
            firsts.add(first)
            prompts.append(text)
            if len(prompts) == len(texts):
                break
    return prompts


def long(tokenizer: Any, count: int = 40, seed: int = 0) -> list[str]:
    """Texts of 200 to 500 tokens, of shipped prompts in random order."""
    rng = random.Random(seed)
    texts = shipped("extended") + shipped("heldout")
    prompts = []
    for _ in range(count):
        n_tokens, parts = rng.randint(200, 490), []
        while len(_ids(tokenizer, " ".join(parts))) < n_tokens:
            parts.append(rng.choice(texts))
        prompts.append(tokenizer.decode(_ids(tokenizer, " ".join(parts))[:n_tokens]))
    return prompts


def _ids(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


SETS = {
    "extended": lambda tokenizer: shipped("extended"),
    "baseline": lambda tokenizer: shipped("baseline"),
    "heldout": lambda tokenizer: shipped("heldout"),
    "different": different,
    "long": long,
}
BOS = {"different": "never"}
"""Where a beginning-of-sequence token would be a first token that all share."""
