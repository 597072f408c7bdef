"""docs/design.md: its picture is that of the imports, and its file names and functions are there."""

import re
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tools.house import PAGE, ROOT, arrows, imports, page, rooms

TEXT = PAGE.read_text(encoding="utf-8")
STEPS = re.findall(r"^\| [\w` ]+ \| `([\w/]+\.(?:py|sql))` \| (?:`(\w+)`)? ?\| .* \|$", TEXT, flags=re.MULTILINE)


def test_the_picture_is_current():
    assert page(TEXT) == TEXT, "run: make docs"


def test_every_room_has_a_line():
    folders = set(re.findall(r"^\| `([\w/.]+)` \|", TEXT, flags=re.MULTILINE))
    names = {room: f"emotion_cli/{room}" for room in rooms()}
    names |= {"warehouse": "warehouse", "api": "emotion_cli/api.py", "pipeline": "emotion_cli/pipeline.py"}
    assert folders == set(names.values())


def test_arrows_that_follow_from_others_are_left_out():
    assert arrows({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == [("a", "b"), ("b", "c")]
    with pytest.raises(ValueError, match="a, b"):
        arrows({"a": {"b"}, "b": {"a"}, "c": {"a"}})


def test_imports_inside_functions_count():
    # of extract.py, which loads a model only when it runs
    assert "models" in imports()["stages"]


def test_the_way_of_a_prompt_names_files_and_functions_that_are_there():
    assert len(STEPS) == len(re.findall(r"^\| .* \|$", TEXT.split("## A prompt's way")[1], flags=re.MULTILINE)) - 2
    for file, name in STEPS:
        text = Path(ROOT, file).read_text(encoding="utf-8")
        assert not name or re.search(rf"^(def|class) {name}\b", text, flags=re.MULTILINE), f"{file}: {name}"


def test_no_files_import_one_another():
    """Imports inside functions and those for types count; only what `import emotion_cli` offers is above its own package."""
    graph = grimp.build_graph("emotion_cli", "warehouse", cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    imported["emotion_cli"] -= {"emotion_cli.api"}
    TopologicalSorter(imported).prepare()
