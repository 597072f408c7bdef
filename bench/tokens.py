"""Token ids of the sets that are measured where no weights and no tokenizer are installed.

`python -m bench.tokens` makes the file again, of the tokenizer of the embedded SmolLM2-135M.
"""

import gzip
import json
import random
from pathlib import Path

from bench.texts import SETS

FILE = Path(__file__).with_name("tokens.json.gz")
NAMES = ("extended", "long")
MODEL = "smollm2-135m"


def saved() -> dict[str, list[list[int]]]:
    """Ids of each prompt, BOS included, by set."""
    return json.loads(gzip.decompress(FILE.read_bytes()))


def copies(ids: list[list[int]], count: int, vocabulary: int) -> list[list[int]]:
    """The prompts `count` times, each time under a permutation of the vocabulary: as many shared beginnings, no equal prompts.

    The first token of a prompt, which all share, stays.
    """
    rng = random.Random(0)
    rows = list(ids)
    for _ in range(count - 1):
        swapped = rng.sample(range(vocabulary), vocabulary)
        rows += [[row[0], *(swapped[token] for token in row[1:])] for row in ids]
    return rows


def main() -> None:
    from emotion_cli.models.loading import load_tokenizer
    from emotion_cli.models.sources.finding import find
    from emotion_cli.settings import resolve

    tokenizer = load_tokenizer(find(MODEL, cache=resolve({}, folder=Path("/")).cache))
    texts = {name: SETS[name](tokenizer) for name in NAMES}
    ids = {
        name: [[tokenizer.bos_token_id, *row] for row in tokenizer(set_texts)["input_ids"]] for name, set_texts in texts.items()
    }
    # without the time of day in its head the same ids are the same bytes
    FILE.write_bytes(gzip.compress(json.dumps(ids, separators=(",", ":")).encode(), mtime=0))


if __name__ == "__main__":
    main()
