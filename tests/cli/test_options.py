"""A command's options are those of the settings that it names."""

import pytest
import typer
from typer.testing import CliRunner

from emotion_cli.cli.options import Start, takes
from emotion_cli.settings import SETTINGS, TYPES, flag_of, resolve

VALUES = {
    "lang": "ja",
    "device": "cpu",
    "dtype": "float32",
    "bos": "never",
    "strategy": "tree",
    "attention": "eager",
    "recipe": "report",
}
VALUES |= {"layer": "1", "over_layers": "resid_pre", "controls": "words"}


def given(name):
    """The words that set a setting to another value than its default."""
    if TYPES[name] is bool:
        return [flag_of(name)]
    number = TYPES[name] in (int, int | None)
    return [flag_of(name), VALUES.get(name, "123" if number else "some")]


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Settings of a command that takes every setting, on these words."""
    monkeypatch.chdir(tmp_path)

    def settings(*words):
        starts = []

        @takes(*SETTINGS)
        def command(start: Start):
            starts.append(start)

        app = typer.Typer()
        app.command()(command)
        CliRunner().invoke(app, words, catch_exceptions=False)
        return starts[0].settings

    return settings


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_an_option_and_counts_only_where_it_is_given(ask, name):
    assert ask() == resolve({})
    asked = ask(*given(name))
    assert asked.sources[name] == flag_of(name)
    assert getattr(asked, name) != SETTINGS[name].default


@pytest.mark.parametrize("name", [name for name in SETTINGS if TYPES[name] is bool])
def test_a_flag_that_a_file_sets_can_be_switched_off(ask, tmp_path, name):
    (tmp_path / "emo.toml").write_text(f"{name} = true\n")
    assert getattr(ask(), name) is True
    assert getattr(ask(f"--no-{name.replace('_', '-')}"), name) is False


def test_lists_are_repeatable_and_short_flags_are_theirs(ask):
    asked = ask("-d", "a", "--dataset", "b", "-e", "joy", "--layer", "3", "--layer", "1-2")
    assert (asked.dataset, asked.emotion, asked.layer) == (("a", "b"), ("joy",), (1, 2, 3))


def test_a_name_that_is_no_option_is_refused():
    with pytest.raises(TypeError, match="datsaet"):
        takes("datsaet")
