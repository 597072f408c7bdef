"""A wrong value of an option is refused with its place and the nearest right one, on every command that takes it."""

import pytest
from command import emo, emo_ok

from emotion_cli.errors import UsageError
from emotion_cli.job import known
from emotion_cli.models.pooling import POOLINGS
from emotion_cli.settings import Settings, resolve
from emotion_cli.suggestions import unknown

CALM = ("--reference", "calm", "--neutral", "calm")
VARIANT = ("vectors", "compare", "plot", "report", "track", "export")
NEUTRAL = [name for name in VARIANT if name != "sql"]


def refused(place, words, code, said):
    before = {path: path.stat().st_mtime_ns for path in place.store.rglob("*") if path.is_file() and path.name != "_lock"}
    where = () if "--store" in words else ("--store", place.store)
    ran = emo(*words, *where, EMO_CACHE=str(place.cache))
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.plain and "next: " in ran.err and "Traceback" not in ran.err
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("command", [*VARIANT, "sql vector_norms_by_layer", "rm --yes"])
@pytest.mark.parametrize(
    ("option", "code", "said"),
    [
        (
            ("-d", "mien"),
            2,
            "--dataset: 'mien' is not one of baseline, extended, heldout, implicit, implicit-heldout, mine; did you mean mine?",
        ),
        (("-m", "tiny-gtp2"), 2, "did you mean tiny-gpt2?"),
        (("-d", "extended"), 3, "emo "),
        (("-m", "smollm2-135m"), 3, "emo "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_datasets_and_models(workplace, command, option, code, said):
    refused(workplace, [*command.split(), *option, *(CALM if command in VARIANT else ())], code, said)


@pytest.mark.parametrize(("option", "said"), [(("-d", ""), "--dataset: no name"), (("-m", " "), "--model: no name")])
def test_an_empty_name_does_not_stand_for_all(workplace, option, said):
    for command in (*VARIANT, "sql vector_norms_by_layer"):
        refused(workplace, [*command.split(), *option], 2, said)


@pytest.mark.parametrize("command", [*VARIANT, "sql vector_norms_by_layer"])
def test_emotions(workplace, command):
    variant = CALM if command in VARIANT else ()
    refused(workplace, [*command.split(), "-e", "rgae", *variant], 2, "--emotion: 'rgae' is not one of ")
    refused(workplace, [*command.split(), "-e", "Rage", *variant], 2, "did you mean rage?")
    if command in VARIANT:
        refused(workplace, [command, "-e", "calm", *variant], 2, "so it has no direction")
    else:
        refused(workplace, [*command.split(), "-e", "gratitude"], 3, "no prompt labelled 'gratitude' is in this store")


@pytest.mark.parametrize("command", ["plot", "export", "sql vector_norms_by_layer"])
def test_layers_beyond_the_model(workplace, command):
    words = [*command.split(), "-m", "tiny-gpt2", "--layer", "40", *(CALM if command in VARIANT else ())]
    refused(workplace, words, 2, "--layer: 40 is not a layer of tiny-gpt2, 0 to 3")


@pytest.mark.parametrize("command", VARIANT)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*CALM, "--method", "mean_diference"), "did you mean mean_difference?"),
        ((*CALM, "--pooling", "lst"), "--pooling: 'lst' is not one of last, mean, word, content; did you mean last?"),
        (("--reference", "clam", "--neutral", "calm"), "did you mean calm?"),
        (("--reference", "calm", "--neutral", "clam"), "--neutral: 'clam' is not one of calm, rage, thanks; did you mean calm?"),
        ((*CALM, "--recipe", "conceps"), "--recipe: 'conceps' is not one of default, report, concepts; did you mean concepts?"),
        ((*CALM, "--over-layers", "resid_pots"), "--over-layers: 'resid_pots' is not one of resid_post, resid_pre; did you mean"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_settings_of_directions(workplace, command, options, said):
    refused(workplace, [command, *options], 2, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--reference", "clam", "--neutral", "calm"), "did you mean calm?"),
        (("--reference", "calm", "--neutral", "clam"), "did you mean calm?"),
        ((*CALM, "-d", "mien"), "did you mean mine?"),
        ((*CALM, "-m", "smolm2-135m"), "did you mean smollm2-135m?"),
        ((*CALM, "--pooling", "lst", "--force"), "did you mean last?"),
        ((*CALM, "--method", "mean"), "--method: 'mean' is not one of"),
        ((*CALM, "--draws", "99"), "--draws: 99 is too small for draws; the smallest value is 100"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_run_refuses_before_it_works(workplace, words, said):
    of_mine = () if "-d" in words else ("-d", "mine")
    models = () if "-m" in words else ("-m", str(workplace.models[0]))
    refused(workplace, ["run", *of_mine, *models, *words, "--bos", "never"], 2, said)


def test_names_of_queries_and_tables(workplace):
    refused(workplace, ["sql", "vector_norm_by_layer"], 2, "did you mean vector_norms_by_layer?")
    refused(workplace, ["sql", "vectors"], 2, 'emo sql "select * from vectors"')
    refused(workplace, ["tables", "vector"], 2, "did you mean vectors?")
    refused(workplace, ["datasets", "show", "mien"], 2, "did you mean mine?")
    refused(workplace, ["datasets", "audit", "mien"], 2, "did you mean mine?")
    refused(workplace, ["datasets", "import", str(workplace.prompts)], 2, "a name is needed")


def test_a_known_filter_that_selects_nothing_is_said(workplace):
    ran = emo_ok("sql", "cross_model_similarity_by_layer", "-m", "tiny-wide", "--store", workplace.store, "--format", "csv")
    assert len(ran.out.splitlines()) == 1 and "cross_model_similarity_by_layer: no rows" in ran.err
    by_path = emo_ok("sql", "vector_norms_by_layer", "-m", workplace.models[0], "--store", workplace.store, "--format", "csv")
    assert len(by_path.out.splitlines()) == 1 + 2 * 2 * 4


READERS = [
    "sql 'select 1'",
    "sql vector_norms_by_layer",
    "tables",
    "tables vectors",
    "vectors",
    "compare",
    "plot",
    "report",
    "track",
    "export",
    "verify",
    "rm -d mine --yes",
    "datasets list",
    "datasets show baseline",
    "models list",
]


@pytest.mark.parametrize("command", READERS)
def test_a_store_that_is_not_there_is_missing_and_is_not_made(command, tmp_path):
    import shlex

    (tmp_path / "store").mkdir()
    ran = emo(*shlex.split(command), "--store", tmp_path / "stor")
    assert (ran.code, ran.out) == (3, "") and "there is no store at" in ran.err and "did you mean store?" in ran.err
    assert "emo run --store" in ran.err and not (tmp_path / "stor").exists()


@pytest.mark.parametrize("command", ["datasets list", "models list", "info"])
def test_what_needs_no_store_works_without_one(command, tmp_path):
    emo_ok(*command.split(), cwd=tmp_path)


@pytest.mark.parametrize(
    ("flags", "environment", "text"),
    [
        ({"draws": 99}, {}, ""),
        ({}, {"EMO_DRAWS": "99"}, ""),
        ({}, {}, "draws = 99\n"),
        ({"recipe": "few"}, {}, "[recipe.few]\ndraws = 99\n"),
        ({"draws": 0}, {}, ""),
    ],
)
def test_too_few_draws_are_refused_wherever_they_come_from(flags, environment, text, tmp_path):
    (tmp_path / "emo.toml").write_text(text)
    with pytest.raises(UsageError, match="is too small for draws; the smallest value is 100"):
        resolve(flags, environment=environment, folder=tmp_path)


@pytest.mark.parametrize("name", ["truncate", "chat_template", "trust_remote_code", "all_layers", "subspaces"])
def test_a_flag_of_a_file_can_be_switched_off(name, tmp_path):
    (tmp_path / "emo.toml").write_text(f"{name} = true\n")

    def value(flag, **environment):
        return getattr(resolve({name: flag}, environment=environment, folder=tmp_path), name)

    assert value(None) is True
    assert value(False) is False
    assert value(None, **{f"EMO_{name.upper()}": "0"}) is False
    assert value(True, **{f"EMO_{name.upper()}": "0"}) is True


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        (["run"], ["truncate", "chat-template", "trust-remote-code"]),
        (["extract"], ["truncate", "chat-template", "trust-remote-code"]),
        (["models", "check"], ["trust-remote-code"]),
        (["compare"], ["all-layers", "subspaces"]),
    ],
    ids=str,
)
def test_every_switch_has_its_no(command, flags):
    from typer.main import get_command

    from emotion_cli.cli.app import app

    found = get_command(app)
    for word in command:
        found = found.commands[word]
    options = {option: declared for declared in found.params for option in (*declared.opts, *declared.secondary_opts)}
    for flag in flags:
        assert options[f"--no-{flag}"] is options[f"--{flag}"] and options[f"--{flag}"].default is None


def test_zero_is_a_value(tmp_path):
    (tmp_path / "emo.toml").write_text("seed = 5\n")
    assert resolve({"seed": 0}, environment={}, folder=tmp_path).seed == 0


def test_suggestions():
    assert str(unknown("-x", "jou", ["joy", "rage"])) == "-x: 'jou' is not one of joy, rage; did you mean joy?"
    assert unknown("-x", "jou", ["joy"]).hint == "-x joy" and unknown("-x", "q", ["joy"], hint="h").hint == "h"
    assert "and 10 more" in str(unknown("-x", "q", map(str, range(30))))
    assert tuple(POOLINGS) == known.POOLINGS
    assert Settings().draws >= 100


def test_a_layer_that_was_not_kept_is_missing(workplace, tmp_path):
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", tmp_path)
    base = ["--store", tmp_path, "-m", workplace.models[0]]
    emo_ok("extract", "-d", "mine", *base, "--layer", "0-1", "--cache", workplace.cache)
    emo_ok("vectors", *CALM, *base)
    for command in ("plot", "export"):
        ran = emo(command, *CALM, *base, "--layer", "3", cwd=tmp_path)
        assert ran.code == 3 and "emo extract -d mine -m tiny-gpt2 --layer 3" in ran.plain
    ran = emo("sql", "vector_norms_by_layer", *base, "--layer", "3")
    assert ran.code == 3 and "layer 3 is not in the store" in ran.err
    assert not (tmp_path / "figures").exists() and not (tmp_path / "exports").exists()
