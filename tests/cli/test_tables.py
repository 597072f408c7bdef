"""Rows as bytes: every format, and tables at the widths of terminals; `python tests/cli/test_tables.py` writes the golden files."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest
from command import emo_ok
from rich.cells import cell_len

from emotion_cli.cli.layout import Fit, lay_out
from emotion_cli.cli.output import ENDINGS, Format, Rows, room, write_rows

GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (40, 80, 120, 200)
N = 60
VERDICTS = ("more similar than their shared reference makes them", "undecided", None)

ROWS = pa.table(
    {
        "extraction_id": ["afc67ab960c4d221"] * N,
        "dataset": ["extended"] * N,
        "model": ["smollm2-135m" if i < 30 else "gemma3-270m" for i in range(N)],
        "control": pa.array([None] * N, pa.string()),
        "emotion": [("怒り", "anger", "gratitude | thanks")[i % 3] for i in range(N)],
        "layer": list(range(N)),
        "n_prompts": [400] * N,
        "mean_cosine_similarity": [None if i == 2 else (i + 1) / 7 for i in range(N)],
        "null_low": [float("nan") if i == 1 else -i / 1000 for i in range(N)],
        "l2_norm": [12345.678 * i for i in range(N)],
        "is_kept": [i % 2 == 0 for i in range(N)],
        "vector": [[i / 3, 2.0, 3.0, 4.0, 5.0] for i in range(N)],
        "text": [f"line one of {i}\n=line two \x1b[31m" for i in range(N)],
        "verdict": [VERDICTS[i % 3] for i in range(N)],
    }
)
RECORDS = [list(row) for row in zip(*(ROWS[name].to_pylist() for name in ROWS.column_names), strict=True)]


def table(fit: Fit) -> bytes:
    return "".join(f"{line}\n" for line in lay_out(ROWS.column_names, RECORDS, fit)).encode()


def tables() -> dict[str, bytes]:
    cut = {f"table-{width}.txt": table(Fit(width, cut=True)) for width in WIDTHS}
    whole = {f"table-{width}-all.txt": table(Fit(width, cut=True, everything=True)) for width in (80, 200)}
    return cut | whole | {"table-pipe.txt": table(Fit())}


def written(ending: str, folder: Path) -> bytes:
    write_rows(ROWS, ENDINGS[ending], folder / f"rows{ending}")
    return (folder / f"rows{ending}").read_bytes()


@pytest.mark.parametrize("name", tables())
def test_tables_at_each_width(name):
    assert tables()[name] == (GOLDEN / name).read_bytes()


@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != ".parquet"])
def test_the_other_formats(ending, tmp_path):
    assert written(ending, tmp_path) == (GOLDEN / f"rows{ending}").read_bytes()


def test_parquet_holds_the_rows(tmp_path):
    import pyarrow.parquet as pq

    written(".parquet", tmp_path)
    assert pq.read_table(tmp_path / "rows.parquet").drop_columns("null_low").equals(ROWS.drop_columns("null_low"))


@pytest.mark.parametrize("format", [format for format in Format if format not in (Format.table, Format.parquet)])
@pytest.mark.parametrize("width", WIDTHS)
def test_machine_formats_do_not_know_the_width(format, width, capfdbinary, monkeypatch):
    ending = next(ending for ending, known in ENDINGS.items() if known is format)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    write_rows(ROWS, format)
    assert capfdbinary.readouterr().out == (GOLDEN / f"rows{ending}").read_bytes()


@pytest.mark.parametrize("width", range(20, 221, 7))
@pytest.mark.parametrize("everything", [False, True])
def test_no_line_is_wider_than_the_terminal(width, everything):
    lines = lay_out(ROWS.column_names, RECORDS, Fit(width, cut=True, everything=everything))
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_all_shows_every_column_and_every_row(width):
    text = "\n".join(lay_out(ROWS.column_names, RECORDS, Fit(width, cut=True, everything=True)))
    assert "shown" not in text and "..." not in text
    folded = text.replace("\n", "").replace(" ", "")
    assert all(name in folded or name.split("_")[-1] in folded for name in ROWS.column_names)
    assert all(f"line one of {i}" in text for i in range(N))


def test_what_is_left_out_is_counted():
    lines = lay_out(ROWS.column_names, RECORDS, Fit(80, cut=True))
    foot = " ".join(lines[-2:])
    assert "shown; 60 rows, 50 shown; more: --columns NAME,NAME, --all, --format csv" in foot
    n_columns, n_shown = (int(part.split()[i]) for part, i in zip(foot.split(";")[0].strip().split(", "), (0, 0), strict=True))
    header = next(line for line in lines if set(line) <= {"-", " "} and line)
    constant = 4
    assert n_columns == len(ROWS.column_names) - constant and n_shown == len(header.split()) - header.split().count("---")


def test_what_fits_is_left_as_it_is():
    assert lay_out(["a", "b"], [[1, "x"], [2, "y"]], Fit(40)) == ["a  b", "-  -", "1  x", "2  y"]
    assert lay_out(["a"], [[1]], Fit(40)) == lay_out(["a"], [[1]], Fit()) == ["a", "-", "1"]
    assert lay_out(["a", "b"], [], Fit(40)) == ["a  b", "-  -"]
    assert lay_out([], [], Fit(40)) == []


def test_columns_of_one_value_stand_above():
    long = "x" * 21
    assert lay_out([long, "b", "c"], [[1, "x", None], [1, "y", None]], Fit(24)) == [
        "the same in every row:",
        f"{long} =",
        "1, c = NULL",
        "",
        "b",
        "-",
        "x",
        "y",
    ]
    assert lay_out([long, "b"], [[1, 2], [1, 2]], Fit(20))[-4:] == ["b", "-", "2", "2"]


def test_columns_of_equal_name_keep_their_values():
    assert lay_out(["a", "a"], [[1, 2]], Fit(40)) == ["a  a", "-  -", "1  2"]


def test_wide_characters_take_two_columns():
    lines = lay_out(["text", "n"], [["怒り", 1], ["abc", 22]], Fit())
    assert [cell_len(line) for line in lines] == [8, 8, 8, 8] and lines[2] == "怒り   1"


def test_a_stored_text_cannot_write_to_the_terminal():
    assert "\x1b" not in "".join(lay_out(["\x1b[31m"], [["\x1b]0;title\x07\t\x00"]], Fit()))
    assert lay_out(["a"], [["\x1b]0;\x07\t"]], Fit())[2] == r"\x1b]0;\x07\t"


def test_the_room_is_that_of_columns_or_without_limit(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert room().width is None
    for given in ("", "0", "wide", "-3"):
        monkeypatch.setenv("COLUMNS", given)
        assert room().width is None
    monkeypatch.setenv("COLUMNS", "5")
    assert room().width == 20
    monkeypatch.setenv("COLUMNS", "90")
    assert (room().width, room().cut) == (90, False)


def test_chosen_columns_are_written_in_their_order(capfdbinary):
    Rows(Format.csv, columns=["layer", "model"]).write(ROWS.slice(0, 1))
    assert capfdbinary.readouterr().out == b"layer,model\n0,smollm2-135m\n"


if __name__ == "__main__":
    for name, content in tables().items():
        (GOLDEN / name).write_bytes(content)
    for ending in ENDINGS:
        if ending != ".parquet":
            (GOLDEN / f"rows{ending}").write_bytes(written(ending, Path(sys.argv[1])))


def test_a_narrow_terminal_keeps_what_columns_mean(workplace):
    head, *lines = emo_ok("tables", "vector_quality", "--store", workplace.store, COLUMNS="40").out.splitlines()
    assert head.split()[0] == "column" and head.split()[-1] == "about" and max(map(len, [head, *lines])) <= 40
