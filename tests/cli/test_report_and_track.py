"""The report and the MLflow record of a real store: complete, once, and made again when what they are made of changes."""

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest
from command import emo, emo_ok, environment
from hypothesis import given, settings
from hypothesis import strategies as st
from workplaces import run_options

from emotion_cli.reporting.tracking import LONGEST_NAME, metric_name, without_password
from warehouse.catalog import Catalog
from warehouse.store import Store

CALM = ("--reference", "calm", "--neutral", "calm")


@pytest.fixture(scope="module")
def tracked(workplace, tmp_path_factory):
    """A copy of the workplace, with an MLflow record."""
    place = workplace._replace(store=tmp_path_factory.mktemp("tracked") / "store")
    shutil.copytree(workplace.store, place.store)
    ran = emo_ok("run", "--track", *run_options(place))
    assert ran.err.count("track: run ") == 1 and "INFO" not in ran.err and ran.out == ""
    assert f", at sqlite:///{place.store}/mlflow/mlflow.db\n" in ran.err
    return place


def runs(place):
    with sqlite3.connect(place.store / "mlflow" / "mlflow.db") as database:
        return database.execute("select run_uuid, status from runs where lifecycle_stage = 'active'").fetchall()


def moved(place, folder):
    """A copy of a store whose MLflow record was told where it is now."""
    place = place._replace(store=shutil.copytree(place.store, folder / "store"))
    with sqlite3.connect(place.store / "mlflow" / "mlflow.db") as database:
        location = (place.store / "mlflow" / "artifacts").as_uri()
        database.execute("update experiments set artifact_location = ? where name = 'emo'", [location])
    return place


def test_the_record_holds_every_number_of_the_queries(tracked):
    ((run_id, status),) = runs(tracked)
    assert status == "FINISHED"
    with sqlite3.connect(tracked.store / "mlflow" / "mlflow.db") as database:
        logged = {(key, step): value for key, step, value in database.execute("select key, step, value from metrics")}
        params = dict(database.execute("select key, value from params"))
    assert (params["phase"], params["task"]) == ("phase3", "emotion_vectors_extraction")
    assert json.loads(params["models"]) == ["tiny-gpt2", "tiny-neox", "tiny-wide"]
    assert (params["method"], params["reference"], params["draws"]) == ("mean_difference", "calm", "100")
    catalog = Catalog(Store(tracked.store))
    for row in catalog.dicts("vector_norms_by_layer", pooling=["last"]):
        assert logged[f"l2_norm/mine/{row['model']}/{row['emotion']}", row["layer"]] == row["l2_norm"]
    for row in catalog.dicts("within_model_similarity_by_model", pooling=["last"]):
        assert logged[f"mean_cosine_similarity/mine/{row['model']}/rage/thanks", 0] == row["mean_cosine_similarity"]
    across = catalog.dicts("cross_model_similarity_by_emotion", pooling=["last"])
    assert len(across) == 2
    for row in across:
        assert logged[f"avg_cosine_similarity/mine/tiny-gpt2/tiny-neox/{row['emotion']}", 0] == row["avg_cosine_similarity"]
    pictures = sorted(path.name for path in (tracked.store / "figures").rglob("*.[ps]*g"))
    kept = tracked.store / "mlflow" / "artifacts" / run_id / "artifacts" / "figures"
    assert sorted(path.name for path in kept.rglob("*.[ps]*g")) == pictures != []


def test_the_report_names_the_run_and_shows_every_figure(tracked):
    ((run_id, _),) = runs(tracked)
    text, page = ((tracked.store / f"report.{ending}").read_text() for ending in ("md", "html"))
    assert f"`{run_id}`" in text and run_id in page
    pictures = list((tracked.store / "figures").rglob("*.png"))
    assert page.count("<figure ") == text.count("![") == len(pictures) > 0
    assert "tiny-gpt2 ↔ tiny-neox" in text and "(4 layers, 32 dimensions)" in text and "(3 layers, 64 dimensions)" in text


def test_a_second_run_does_nothing_and_imports_nothing_heavy(tracked):
    code = (
        "import sys; from emotion_cli.cli.app import _exit_code; code = _exit_code(sys.argv[1:]); "
        "print('LOADED', code, [name for name in ('mlflow', 'torch', 'transformers', 'matplotlib') if name in sys.modules])"
    )
    before = {path: path.stat().st_mtime_ns for path in tracked.store.rglob("*") if path.is_file() and path.name != "_lock"}
    words = list(map(str, ["run", "--track", *run_options(tracked)]))
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout == "LOADED 0 []\n" and "0 tasks done" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(runs(tracked)) == 1


def test_the_same_content_is_one_run_and_other_content_another(tracked, tmp_path):
    place = moved(tracked, tmp_path)
    ((first, _),) = runs(place)
    words = ["track", *CALM, "--store", place.store]
    assert f"run {first} already exists" in emo_ok(*words, "--force").err
    # the record of it lost, too: the run is found by what is in it
    shutil.move(place.store / "mlflow" / "run.json", tmp_path / "run.json")
    assert f"run {first} already exists" in emo_ok(*words).err
    assert "up to date" in emo_ok(*words).err
    before = (place.store / "report.md").read_text()
    assert "logged: " in emo_ok(*words, "--seed", "1").err
    assert len(runs(place)) == 2
    emo_ok("report", *CALM, "--seed", "1", "--store", place.store)
    after = (place.store / "report.md").read_text()
    assert (
        first in before
        and first not in after
        and json.loads((place.store / "mlflow" / "run.json").read_text())["run_id"] in after
    )


def test_a_moved_store_keeps_its_files_in_its_own_folder(tracked, tmp_path):
    place = tracked._replace(store=shutil.copytree(tracked.store, tmp_path / "store"))
    before = set(tracked.store.rglob("*"))
    emo_ok("track", *CALM, "--force", "--store", place.store)
    assert set(tracked.store.rglob("*")) == before
    assert {path.name for path in (place.store / "mlflow" / "artifacts").iterdir()} == {run_id for run_id, _ in runs(place)}


def test_a_run_that_was_not_finished_is_logged_again(tracked, tmp_path):
    place = moved(tracked, tmp_path)
    with sqlite3.connect(place.store / "mlflow" / "mlflow.db") as database:
        database.execute("update runs set status = 'RUNNING'")
    ((half, _),) = runs(place)
    emo_ok("track", *CALM, "--force", "--store", place.store)
    ((whole, status),) = runs(place)
    assert whole != half and status == "FINISHED"


def test_a_plan_says_in_words_which_figures_changed(tracked, tmp_path):
    place = moved(tracked, tmp_path)
    shutil.rmtree(place.store / "figures")
    plan = emo_ok("run", "--dry-run", "--track", *run_options(place), "--format", "csv").out
    assert " figures" in plan and "[" not in plan


def test_another_place_may_be_named(tracked, tmp_path):
    place = moved(tracked, tmp_path)
    uri = f"sqlite:///{tmp_path}/other.db"
    emo_ok("track", *CALM, "--store", place.store, cwd=tmp_path, MLFLOW_TRACKING_URI=uri, MLFLOW_EXPERIMENT_NAME="mine")
    with sqlite3.connect(tmp_path / "other.db") as database:
        assert database.execute("select count(*) from runs").fetchone() == (1,)
        assert ("mine",) in database.execute("select name from experiments").fetchall()
    ran = emo("track", *CALM, "--store", place.store, MLFLOW_TRACKING_URI="nonsense://user:secret@host/x")
    assert ran.code == 1 and "secret" not in ran.err and "unset MLFLOW_TRACKING_URI" in ran.err


def test_mlflow_is_not_needed_until_asked_for(tracked, tmp_path):
    (tmp_path / "mlflow.py").write_text("raise ModuleNotFoundError('no module named mlflow')\n")
    place = moved(tracked, tmp_path)
    emo_ok("report", *CALM, "--force", "--store", place.store, own_process=True, PYTHONPATH=str(tmp_path))
    ran = emo("track", *CALM, "--force", "--store", place.store, own_process=True, PYTHONPATH=str(tmp_path))
    assert ran.code == 3 and 'pip install "emotion-cli[track]"' in ran.err


def test_the_report_is_stale_when_a_figure_goes_and_only_then(workplace, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(workplace.store, store)
    words = ["report", *CALM, "--pooling", "last", "--store", store]
    assert emo_ok(*words).out.splitlines() == [str(store / "report.md"), str(store / "report.html")]
    first = (store / "report.html").stat().st_mtime_ns
    emo_ok(*words)
    assert (store / "report.html").stat().st_mtime_ns == first
    (store / "report.md").unlink()
    emo_ok(*words)
    assert (store / "report.md").exists()
    second = (store / "report.html").read_bytes()
    emo_ok(*words, "--force")
    assert (store / "report.html").read_bytes() == second
    emo_ok(*words, "-e", "rage")
    assert (store / "report.html").read_bytes() == second
    assert b"thanks" not in (store / "reports/emotion=rage.html").read_bytes().split(b"Emotion vectors</h2>")[1].split(b"<h2")[0]


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=4), st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_metric_names_are_allowed_and_tell_names_apart(one, other):
    from mlflow.utils.validation import _validate_metric_name

    _validate_metric_name(metric_name("l2_norm", *one))
    assert len(metric_name("l2_norm", *one)) <= LONGEST_NAME
    assert (metric_name(*one) == metric_name(*other)) == (one == other)


def test_plain_names_stay_as_they_are():
    assert (
        metric_name("l2_norm", "baseline", "EleutherAI/pythia-160m", "anger") == "l2_norm/baseline/EleutherAI:2Fpythia-160m/anger"
    )
    assert without_password("http://a:b@host:5000/x") == "http://host:5000/x"
