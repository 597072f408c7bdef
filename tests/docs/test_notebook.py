"""The notebook runs from top to bottom and prints what it shows; `python tests/docs/test_notebook.py` stores its outputs.

Its cells are executed in one namespace, without a kernel: they use nothing that IPython adds.
"""

import base64
import contextlib
import io
import json
import os
import tempfile
from pathlib import Path

import matplotlib as mpl

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
PNG = b"\x89PNG\r\n\x1a\n"


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def executed(notebook):
    """The printed text and the pictures (PNG) of each code cell, run in the current folder."""
    mpl.use("agg")
    import matplotlib.pyplot as plt

    names, outputs = {}, []
    for number, cell in enumerate(code_cells(notebook)):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
        pictures = []
        for figure in map(plt.figure, plt.get_fignums()):
            picture = io.BytesIO()
            figure.savefig(picture, format="png", dpi=80, metadata={"Software": None})
            pictures.append(picture.getvalue())
        plt.close("all")
        outputs.append((printed.getvalue(), pictures))
    return outputs


def stored(cell):
    """What a cell of the file holds: its text, and its pictures."""
    text = "".join("".join(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")
    pictures = [output["data"]["image/png"] for output in cell["outputs"] if output["output_type"] == "display_data"]
    return text, [base64.b64decode(picture) for picture in pictures]


def test_the_notebook_prints_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for (text, pictures), cell in zip(executed(notebook), code_cells(notebook), strict=True):
        shown, shown_pictures = stored(cell)
        assert text == shown, "run: python tests/docs/test_notebook.py"
        assert len(pictures) == len(shown_pictures) and all(picture.startswith(PNG) for picture in shown_pictures)
        assert text.strip() or "print(" not in "".join(cell["source"]), "a cell prints nothing"
    assert any(stored(cell)[1] for cell in code_cells(notebook))


def write():
    """Run the notebook in an empty folder, and put its outputs into the file."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        made = executed(notebook)
    for number, (cell, (text, pictures)) in enumerate(zip(code_cells(notebook), made, strict=True), 1):
        cell["execution_count"] = number
        streams = [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}] if text else []
        shown = [
            {"output_type": "display_data", "metadata": {}, "data": {"image/png": base64.b64encode(picture).decode()}}
            for picture in pictures
        ]
        cell["outputs"] = streams + shown
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    write()
