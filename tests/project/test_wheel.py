"""The wheel: what it installs, and that it works in a fresh environment outside the repository. Short alone: `make test-wheel`."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from command import environment

ROOT = Path(__file__).parents[2]

pytest.importorskip("hatchling", reason="the wheel is built by hatchling: make install")


def run(*words: object, cwd: Path) -> str:
    # only what is installed may be imported
    variables = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, cwd=cwd, env=variables, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
    run(sys.executable, "-m", "pip", *build, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The commands of a fresh environment that holds the wheel and sees the dependencies of this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    python = folder / "bin" / "python"
    places = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # the path files of that folder are not read, so the checkout is not seen
    Path(places["purelib"], "dependencies.pth").write_text(sysconfig.get_paths()["purelib"], encoding="utf-8")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    return python.parent


def test_it_holds_two_packages_with_all_their_files_and_the_queries(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    files = {
        path.relative_to(ROOT).as_posix()
        for package in ("emotion_cli", "warehouse")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    queries = {f"warehouse/queries/{path.name}" for path in (ROOT / "queries").glob("*.sql")}
    assert queries
    assert set(names) == files | queries


def test_it_is_called_emotion_cli_and_its_command_emo(wheel, installed, tmp_path):
    version = run(installed / "emo", "--version", cwd=tmp_path).removeprefix("emo ").strip()
    assert wheel.name == f"emotion_cli-{version}-py3-none-any.whl"


def test_queries_and_prompt_sets_are_there_outside_the_repository(installed, tmp_path):
    listed = run(installed / "emo", "sql", "--list", "--format", "csv", cwd=tmp_path)
    names = {line.split(",")[0] for line in listed.splitlines()[1:]}
    assert names == {path.stem for path in (ROOT / "queries").glob("*.sql")}
    sets = run(installed / "emo", "datasets", "list", "--format", "csv", cwd=tmp_path)
    assert {"baseline", "extended", "heldout"} <= {line.split(",")[0] for line in sets.splitlines()}
    assert run(installed / "python", "-c", "import warehouse; print(warehouse.__file__)", cwd=tmp_path).startswith(
        str(installed.parent)
    )


def test_its_metadata_are_those_of_the_project_and_pass_twine(wheel, installed, tmp_path):
    script = "import importlib.metadata as m; d = m.metadata('emotion-cli'); print(d['Summary'], d.get_all('Provides-Extra'), d['License-Expression'])"
    said = run(installed / "python", "-c", script, cwd=tmp_path)
    assert "emotion directions" in said and "['track']" in said and "MIT" in said
    twine = ROOT / ".venv-clients" / "bin" / "twine"
    if not twine.exists():
        pytest.skip("no .venv-clients: make test-wheel")
    run(twine, "check", "--strict", wheel, cwd=tmp_path)
