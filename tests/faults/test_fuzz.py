"""Mutated input files: each is read or refused in sentences; none raises anything else or changes the store.

A kind of file joins by a line in KINDS: how to write a sound one, and how a command reads it.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import made_elsewhere
import prompt_files
import pytest

from emotion_cli import pipeline
from emotion_cli.errors import EmoError
from emotion_cli.exchange.exporting import export_vectors
from emotion_cli.exchange.importing import Declared, import_activations
from emotion_cli.exchange.importing_vectors import import_vectors
from emotion_cli.job.listener import Silence
from emotion_cli.prompts.reading import READERS, read_prompt_set
from emotion_cli.settings import Settings
from warehouse.errors import StoreError
from warehouse.store import Store

SEED = 0
ROWS = [
    {"text": f"{text} {topic} .", "emotion": emotion, "topic": topic, "lang": "en"}
    for topic in ("the bus", "today", "so much")
    for emotion, text in (("thanks", "thank you"), ("rage", "I am furious"))
]


class Kind(NamedTuple):
    """A kind of input file: its ending, how a sound one is written into a folder, and how it is read."""

    ending: str
    write: Callable[[Path], Path]
    read: Callable[[Path], object]


def prompts(ending: str) -> Kind:
    return Kind(
        ending,
        lambda folder: prompt_files.FORMS[ending](folder, ROWS)[0],
        lambda path: read_prompt_set([path], "fuzzed"),
    )


@contextmanager
def new_store(folder: Path) -> Iterator[Store]:
    """A store that is not there before; where a file is refused it is not there afterwards."""
    store = Store(folder / "store")
    try:
        yield store
    except (EmoError, StoreError):
        assert not store.root.exists()
        raise
    shutil.rmtree(store.root)


def activations() -> Kind:
    def read(path: Path) -> None:
        with new_store(path.parent) as store:
            import_activations(store, [path], dataset="mine", model="elsewhere", create_dataset=True)
            assert store.n_rows("activations") > 0

    return Kind(".parquet", lambda folder: made_elsewhere.file_of(folder / "set.parquet", made_elsewhere.rows_of(topics=2)), read)


def vectors(ending: str) -> Kind:
    """What `emo export` wrote; a file that is read for all its damage holds the vectors that were exported, bit for bit."""
    known: set[tuple[float, ...]] = set()

    def write(folder: Path) -> Path:
        store = Store(folder / "exporting")
        rows = made_elsewhere.table_of(made_elsewhere.rows_of(layers=(0, 1, 2, 3)))
        import_activations(store, [rows], dataset="mine", model="lab/m", create_dataset=True, declared=Declared(n_layers=3))
        job = pipeline.job_in_store(store, Settings(reference="calm", neutral="calm"), Silence())
        pipeline.run(job, pipeline.stages("vectors", "vectors"))
        known.update(map(tuple, store.read("vectors", ["vector"])["vector"].to_pylist()))
        return export_vectors(job, folder / "out", ending[1:])[0]

    def read(path: Path) -> None:
        with new_store(path.parent) as store:
            import_vectors(store, [path])
            found = set(map(tuple, store.read("vectors", ["vector"])["vector"].to_pylist()))
            assert found and found <= known

    return Kind(ending, write, read)


KINDS = {
    **{f"prompts{ending}": prompts(ending) for ending in READERS},
    "activations.parquet": activations(),
    **{f"vectors{ending}": vectors(ending) for ending in (".safetensors", ".gguf")},
}


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four changes, of kinds that files suffer or people make."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(max(1, len(changed)))
        kind = rng.randrange(9)
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
        elif kind == 7:
            # a length or an offset beyond every file, where binary files have theirs as likely as not
            at = rng.randrange(min(64, max(1, len(changed)))) if rng.random() < 0.5 else at
            changed[at : at + 8] = rng.choice([b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\0" * 8])
        else:
            changed = changed.replace(
                *rng.choice([(b'"text"', b'"Text"'), (b'"emotion"', b'"topic"'), (b"calm", b""), (b"}", b""), (b'"', b"'")]), 1
            )
    return bytes(changed)


@pytest.mark.parametrize("name", KINDS)
def test_mutated_files_are_read_or_refused(name, tmp_path, request):
    kind = KINDS[name]
    sound = kind.write(tmp_path)
    content = sound.read_bytes()
    folder = tmp_path / "fuzzed"
    folder.mkdir()
    path = folder / f"fuzzed{kind.ending}"
    rng = random.Random(f"{SEED}{name}")
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
            kept = path.rename(tmp_path / f"found-{number}{kind.ending}")
            raise AssertionError(f"mutation {number} of {name}: {type(error).__name__}: {error}; see {kept}") from error
    print(f"{name}: {n_mutations} mutated files, {refused} refused, {n_mutations - refused} read")
    assert refused > 0
    assert [entry.name for entry in folder.iterdir()] == [path.name]
