"""The worked tasks of CONTRIBUTING.md, followed literally in a copy of the repository."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import environment

ROOT = Path(__file__).parents[2]
TASKS = dict(
    re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
)
BLOCK = re.compile(r"^`([\w./]+)`:\n\n```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PROGRAMS = {"pytest": [sys.executable, "-m", "pytest"], "emo": [sys.executable, "-m", "emotion_cli"], "python": [sys.executable]}
IGNORED = shutil.ignore_patterns(".git", ".venv*", "__pycache__", "store", ".*_cache", ".hypothesis")


def changed(text: str, diff: str) -> str:
    """A text after a change: each piece between lines of `@@` has lines that stay, go (-) and come (+)."""
    for piece in diff.split("@@\n"):
        lines = piece.splitlines(keepends=True)
        before, after = ("".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
        assert text.count(before) == 1, f"stands {text.count(before)} times in the file:\n{before}"
        text = text.replace(before, after)
    return text


def follow(task: str, root: Path) -> None:
    for name, kind, block in BLOCK.findall(task):
        path = root / name
        if kind == "diff":
            path.write_text(changed(path.read_text(encoding="utf-8"), block), encoding="utf-8")
        else:
            assert not path.exists(), f"{name} is not new"
            path.write_text(block, encoding="utf-8")


def run(*words: str, root: Path) -> str:
    variables = environment(PYTHONPATH=str(root))
    done = subprocess.run(words, cwd=root, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory, workplace) -> Path:
    """The repository after all tasks, in their order, with a store."""
    root = tmp_path_factory.mktemp("contributing") / "copy"
    shutil.copytree(ROOT, root, ignore=IGNORED)
    shutil.copytree(workplace.store, root / "store")
    (root / "emo.toml").write_text('reference = "calm"\nneutral = "calm"\n', encoding="utf-8")
    for task in TASKS.values():
        follow(task, root)
    return root


def test_there_are_five():
    assert list(TASKS) == [f"Add a {subject}" for subject in ("query", "table", "stage", "model family", "measure")]


@pytest.mark.parametrize("task", TASKS)
def test_each_takes_at_most_two_files(task):
    assert len({name for name, _, _ in BLOCK.findall(TASKS[task])}) in (1, 2)


@pytest.mark.parametrize("task", TASKS)
def test_its_commands_work(task, copy):
    commands = re.findall(r"^\$ (.*)$", TASKS[task], flags=re.MULTILINE)
    assert commands
    for command in commands:
        program, *words = shlex.split(command)
        printed = run(*PROGRAMS[program], *words, root=copy)
        # a query that gives no row, or a test that is not there, would show nothing
        assert program == "python" or len(printed.splitlines()) > 1 or "passed" in printed or words[0] == "verify", printed


def test_what_they_add_passes_the_lint(copy):
    names = {name for task in TASKS.values() for name, _, _ in BLOCK.findall(task)}
    code, queries = ([name for name in sorted(names) if name.endswith(ending)] for ending in (".py", ".sql"))
    run(sys.executable, "-m", "ruff", "check", "--no-cache", *code, root=copy)
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", *code, root=copy)
    run(sys.executable, "-m", "sqlfluff", "lint", "--disable-progress-bar", *queries, root=copy)


def test_a_change_that_fits_twice_or_nowhere_is_refused():
    assert changed("a\nb\nc\n", " a\n-b\n+d\n") == "a\nd\nc\n"
    for text in ("a\na\n", "b\n"):
        with pytest.raises(AssertionError):
            changed(text, " a\n+d\n")
