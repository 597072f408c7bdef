"""Mutated Parquet files for `emo import`, read in forked children: pyarrow may end a process, and then the file is named.

`test_fuzz` mutates files as text; here the lies are in the footer, in page headers and in lengths.
"""

import random

import made_elsewhere as made
import pyarrow.parquet as pq
from forking import in_child

from emotion_cli.errors import EmoError
from emotion_cli.exchange.importing import Declared, import_activations
from warehouse.store import Store

SEED = 20
IN_A_CHILD = 250
FOOTER = 1500
"""The last bytes of a file, where the metadata is that a reader believes."""


def mutated(content, numbers):
    """A file with bytes changed, cut, repeated or put in."""
    content = bytearray(content)
    for _ in range(numbers.randint(1, 4)):
        at = numbers.randrange(len(content))
        if numbers.random() < 0.3:
            at = numbers.randrange(max(0, len(content) - FOOTER), len(content))
        kind = numbers.randrange(5)
        if kind == 0:
            content[at] = numbers.randrange(256)
        elif kind == 1:
            content[at] ^= 1 << numbers.randrange(8)
        elif kind == 2:
            del content[at : at + numbers.randint(1, 40)]
        elif kind == 3:
            content[at:at] = numbers.randbytes(numbers.randint(1, 40))
        else:
            content[at : at + 8] = numbers.choice([b"\xff" * 8, b"\0" * 8, b"\x7f" * 8])
        content = content or bytearray(b"x")
    return bytes(content)


def test_mutated_files_are_refused_or_read_as_they_are(tmp_path, request):
    """No other error than ours, no end of the process, and the store stays as it was unless what a file says was valid."""
    store = Store(tmp_path / "store")
    names = {"dataset": "mine", "model": "lab/elsewhere", "declared": Declared(n_layers=6)}
    import_activations(store, [made.table_of(made.rows_of())], create_dataset=True, **names)
    whole = [
        made.file_of(tmp_path / "a.parquet", made.rows_of()).read_bytes(),
        made.file_of(tmp_path / "b.parquet", made.rows_of(), compression="zstd", row_group_size=5).read_bytes(),
    ]
    at_hand = tmp_path / "number"

    def child(first, count):
        before, refused = made.contents(store.root), 0
        for number in range(first, first + count):
            at_hand.write_text(str(number))
            path = tmp_path / "mutated.parquet"
            path.write_bytes(mutated(whole[number % 2], random.Random(f"{SEED}/{number}")))
            try:
                found = import_activations(store, [path], **names)
            except EmoError:
                refused += 1
                assert made.contents(store.root) == before, number
            else:
                said = pq.ParquetFile(path).read(["activation"])
                stored = found.extraction.partition(store, "activations").read(["activation"])
                assert sorted(stored["activation"].to_pylist()) == sorted(said["activation"].to_pylist()), number
                before = made.contents(store.root)
        return refused

    total = request.config.getoption("--mutations")
    refused = 0
    for first in range(0, total, IN_A_CHILD):
        try:
            refused += in_child(lambda first=first: child(first, min(IN_A_CHILD, total - first)))
        except ValueError as error:
            raise AssertionError(f"mutation {at_hand.read_text()} ended the process") from error
    print(f"emo import: {total} mutated files, {refused} refused, {total - refused} read")
    assert refused > total * 2 / 3
