"""Mutated input files: each is read or refused in sentences; none raises anything else or changes the store.

A kind of file joins by a line in KINDS: how to write a sound one, and how a command reads it.
"""

import random
from pathlib import Path
from typing import NamedTuple

import pytest

from emotion_cli.errors import EmoError
from emotion_cli.prompts.reading import READERS, read_prompt_set
from warehouse.errors import StoreError

SEED = 0


def sound_jsonl(path: Path) -> None:
    from workplaces import write_prompts

    write_prompts(path)


class Kind(NamedTuple):
    """A kind of input file: a sound one is written, and read."""

    write: object
    read: object


def as_prompts(path: Path) -> None:
    read_prompt_set(path, "fuzzed")


KINDS = {".jsonl": Kind(sound_jsonl, as_prompts)}


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four changes, of kinds that files suffer or people make."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(max(1, len(changed)))
        kind = rng.randrange(8)
        if kind == 0 and changed:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at : at + rng.randint(1, 40)] = b""
        elif kind == 2:
            changed[at:at] = rng.choice(
                [b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b'"', b"{", b"[" * 3000, b",", b"\\ud800", b"\xe2\x80\xa8"]
            )
        elif kind == 3:
            changed[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 20)))
        elif kind == 4:
            del changed[at:]
        elif kind == 5:
            end = min(len(changed), at + rng.randint(1, 200))
            changed[at:at] = changed[at:end]
        elif kind == 6:
            changed[at : at + 1] = rng.choice([b"NaN", b"1e999", b"null", b"true", b"-0", b"{}", b'""', b"9" * 400])
        else:
            changed = changed.replace(*rng.choice([(b'"text"', b'"Text"'), (b'"emotion"', b'"topic"'), (b"calm", b""), (b"}", b""), (b'"', b"'")]), 1)  # fmt: skip
    return bytes(changed)


@pytest.mark.parametrize("ending", KINDS)
def test_mutated_files_are_read_or_refused(ending, tmp_path, request):
    kind = KINDS[ending]
    sound, path = tmp_path / f"sound{ending}", tmp_path / f"fuzzed{ending}"
    kind.write(sound)
    kind.read(sound)
    rng = random.Random(f"{SEED}{ending}")
    content = sound.read_bytes()
    refused = 0
    n_mutations = -(-request.config.getoption("--mutations") // len(KINDS))
    for number in range(n_mutations):
        path.write_bytes(mutated(content, rng))
        try:
            kind.read(path)
        except (EmoError, StoreError) as error:
            refused += 1
            assert str(error).strip()
        except Exception as error:
            kept = path.rename(tmp_path / f"found-{number}{ending}")
            raise AssertionError(f"mutation {number} of {ending}: {type(error).__name__}: {error}; see {kept}") from error
    print(f"{ending}: {n_mutations} mutated files, {refused} refused, {n_mutations - refused} read")
    assert 0 < refused < n_mutations
    assert {entry.suffix for entry in tmp_path.iterdir()} == {ending}
    assert ending in READERS or ending == ".parquet"
