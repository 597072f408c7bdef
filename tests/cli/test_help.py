"""`--help` of every command: at most 80 columns, two examples that run, and every option with its default."""

import shlex

import polars as pl
import pytest
import tiny_gguf
from command import emo, emo_ok
from typer.main import get_command

from emotion_cli.cli.app import app
from emotion_cli.cli.examples import EXAMPLES
from emotion_cli.cli.help import COMMANDS, OPTIONS
from emotion_cli.models.sources import embedded
from emotion_cli.settings import SETTINGS

MODELS = ("smollm2-135m", "gemma3-270m")
WORDS = ("thanks", "grateful", "angry", "furious", "sorry", "regret")
"""Words of three labels that are one token, as `emo lens` needs them."""


def all_commands(command, *path):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from all_commands(inner, *path, name)


PATHS = {" ".join(path): command for path, command in all_commands(get_command(app))}


def test_every_command_has_two_examples():
    assert {path: len(examples) for path, examples in EXAMPLES.items()} == dict.fromkeys(PATHS, 2)
    for path, examples in EXAMPLES.items():
        assert all(example.startswith(f"emo {path}".strip()) for _, example in examples)


def test_panels_hold_what_there_is():
    commands = get_command(app).commands
    assert sorted(name for names in COMMANDS.values() for name in names) == sorted(commands)
    known = {parameter.name for command in PATHS.values() for parameter in command.params}
    placed = [name for names in OPTIONS.values() for name in names]
    assert set(placed) <= known and len(placed) == len(set(placed))
    assert set(SETTINGS) - {"phase", "task"} <= set(placed)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_help_fits_and_names_every_option(path, columns):
    page = emo_ok(*path.split(), "--help", COLUMNS=str(columns)).out
    assert max(map(len, page.splitlines())) <= min(columns, 100) and "\x1b" not in page
    assert page.count("╭") == page.count("╰") and "─ Examples ─" in page
    flat = " ".join(page.replace("│", " ").split())
    for parameter in PATHS[path].params:
        flags = [option for option in parameter.opts if option.startswith("--")]
        assert all(flag in page or f"--[no-]{flag[2:]}" in page for flag in flags)
        if parameter.param_type_name == "option" and parameter.default not in (None, False) and columns == 80:
            assert f"Default: {getattr(parameter.default, 'value', parameter.default)}." in flat


def test_help_without_unicode_has_boxes_of_ascii():
    page = emo_ok("tables", "--help", own_process=True, PYTHONIOENCODING="ascii").out
    assert page.isascii() and "+- Options -" in page


@pytest.mark.parametrize("path", ["", "datasets", "models"])
def test_a_group_alone_is_its_help(path):
    assert emo_ok(*path.split()).out == emo_ok(*path.split(), "--help").out


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a store like that of `make run`, of small GGUF files that stand for the two models."""
    folder = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        for seed, alias in enumerate(MODELS):
            path = tiny_gguf.write(folder / f"{alias}.gguf", tiny_gguf.shapes(WORDS), seed=seed, context=512, words=WORDS)
            known = embedded.Embedded(alias, "a wheel", "json", lambda _, __, path=path: path)
            patch.setitem(embedded.EMBEDDED, alias, known)
        patch.setenv("EMO_CACHE", str(folder / "cache"))
        rows = pl.DataFrame(
            [
                {"text": f"{word} {topic}", "emotion": label}
                for label, word in (("joy", "So glad of"), ("neutral", "There is"))
                for topic in ("tea", "rain", "the bus")
            ]
        )
        rows.write_csv(folder / "mine.csv")
        rows.rename({"text": "post", "emotion": "mood"}).write_csv(folder / "posts.csv")
        emo_ok("extract", "-d", "baseline", "-d", "heldout", "-m", MODELS[0], "-m", MODELS[1], cwd=folder)
        emo_ok("vectors", "--best", cwd=folder)
        theirs = "select text, emotion, topic, pooling, layer, activation from activations join prompts using (dataset, prompt_id, emotion)"
        emo_ok("sql", f"{theirs} where dataset = 'baseline' and model = '{MODELS[0]}'", "-o", "activations.parquet", cwd=folder)
        yield folder


# `emo import` takes what `emo export` wrote, and `emo rm` removes what the others need
CHECKS = ("datasets audit", "verify")
ORDER = sorted(EXAMPLES, key=lambda path: (path == "import") + 2 * (path == "rm"))


@pytest.mark.slow
@pytest.mark.parametrize("path", ORDER)
def test_examples_run(place, path):
    for _, example in EXAMPLES[path]:
        words = [
            name
            for word in shlex.split(example)[1:]
            for name in (sorted(str(path.relative_to(place)) for path in place.glob(word)) or [word])
        ]
        ran = emo(*words, cwd=place)
        # a check that finds something exits with 4
        assert ran.code in ((0, 4) if path in CHECKS else (0,)), f"{example}\n{ran.err}"
