"""Mutated prompt files: each is refused in sentences, or exactly the rows are read that another reader finds in it."""

import csv
import io
import json
import random

import prompt_files
import pyarrow.parquet as pq
import pytest

from emotion_cli.errors import UsageError
from emotion_cli.prompts.reading import READERS, read_prompt_set

SEED = 0
LABELS = ("thanks", "rage")
ROWS = [
    {"text": f'{text} {topic}, "really"{ending}', "emotion": emotion, "topic": topic}
    for topic, ending in (("the bus", "."), ("today", ",\nmy friend"), ("so much", "!"), ("嬉しい", ""))
    for emotion, text in zip(LABELS, ("thank you", "I am furious"), strict=True)
]
INSERTED = [
    '"',
    '""',
    '"\n',
    '\n"',
    "\t",
    ",",
    ";",
    "\n",
    "\r",
    "\r\n",
    " ",
    "\u200b",
    "\ufeff",
    "\0",
    "\xa0",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
]
PLAIN = {".csv": ",", ".tsv": "\t"}


def sources(folder, ending):
    """The rows as files: as a data frame, a spreadsheet and (without line ends in fields) an editor write them."""
    yield prompt_files.FORMS[ending](folder, ROWS)[0].read_bytes()
    if ending in PLAIN:
        sink = io.StringIO()
        csv.writer(sink, delimiter=PLAIN[ending]).writerows([ROWS[0], *(row.values() for row in ROWS)])
        yield sink.getvalue().encode()
        bare = [[cell.replace("\n", " ").replace(PLAIN[ending], "") for cell in row.values()] for row in ROWS]
        yield "".join(PLAIN[ending].join(row) + "\n" for row in [list(ROWS[0]), *bare]).encode()


def mutated(content, rng, *, is_text):
    changed = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(5)
        if kind <= 1:
            changed[at:at] = rng.choice(INSERTED).encode()
        elif kind == 2:
            del changed[at : at + rng.randint(1, 3 if is_text else 30)]
        elif kind == 3 and is_text:
            places = [i for i, byte in enumerate(changed) if byte == ord('"')]
            if places:
                del changed[rng.choice(places)]
        elif at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)


def by_csv(path):
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode()
    rows = [
        row
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=PLAIN[path.suffix], strict=True)
        if "".join(row).strip() or len(row) > 1
    ]
    return [dict(zip(rows[0], (cell or None for cell in row), strict=True)) for row in rows[1:]]


def by_lines(path):
    return [json.loads(line) for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode().split("\n") if line.strip()]


def by_json(path):
    whole = json.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode())
    items = [{"text": item} if isinstance(item, str) else item for item in whole["prompts"]]
    common = {key: value for key, value in whole.items() if key != "prompts"}
    return [{**({} if {"label", "emotion"} & set(whole) else {"label": path.stem}), **common, **item} for item in items]


ORACLES = {".csv": by_csv, ".jsonl": by_lines, ".json": by_json, ".parquet": lambda path: pq.read_table(path).to_pylist()}


def same_characters(path):
    """All characters but quotes, in order, blank lines left out: what no reading of a table may change."""
    return [
        line
        for line in path.read_bytes()
        .removeprefix(b"\xef\xbb\xbf")
        .decode()
        .removesuffix("\r")
        .replace('"', "")
        .replace("\r\n", "\n")
        .split("\n")
        if line.strip(" ")
    ]


@pytest.mark.parametrize("ending", READERS)
def test_what_is_read_of_a_mutated_file_is_what_it_says(ending, tmp_path, request):
    rng = random.Random(f"{SEED}{ending}")
    contents = list(sources(tmp_path, ending))
    path = tmp_path / f"fuzzed{ending}"
    n_mutations = -(-request.config.getoption("--mutations") // len(READERS))
    n_read = 0
    for number in range(n_mutations):
        path.write_bytes(mutated(contents[number % len(contents)], rng, is_text=ending != ".parquet"))
        notes = []
        try:
            found = read_prompt_set([path], "s", accept_labels=True, note=notes.append)
        except UsageError as error:
            assert str(error).strip()
            continue
        n_read += 1
        rows = [(p.text, p.emotion, p.topic) for p in found.prompts for _ in range(p.n_copies)]
        about = f"mutation {number}: {path.read_bytes()!r}"
        if ending == ".tsv":
            read = READERS[ending](path)
            lines = "\n".join("\t".join(value or "" for value in row.values.values()) for row in read.rows)
            kept = [line for line in lines.replace('"', "").replace("\r\n", "\n").split("\n") if line.strip(" ")]
            assert kept == same_characters(path)[1:], about
        else:
            expected = [(row["text"], row.get("emotion", row.get("label")), row.get("topic")) for row in ORACLES[ending](path)]
            assert sorted(rows, key=str) == sorted(expected, key=str), about
        if ending in PLAIN:
            for text, *_ in rows:
                swallowed = [
                    line for line in text.split("\n") if line.count(PLAIN[ending]) == 2 and line.split(PLAIN[ending])[1] in LABELS
                ]
                assert not swallowed, about
    print(f"{ending}: {n_mutations} mutated files, {n_read} read")
    assert 0 < n_read < n_mutations
