"""Figures and reports live by variant and selection: less never replaces more, and what was made earlier stays."""

import re
import shutil

import pytest
from command import emo, emo_ok
from workplaces import run_options

from emotion_cli.job.selection import LONGEST, named
from warehouse.artifacts import Artifacts
from warehouse.removal import left_stale
from warehouse.store import Store
from warehouse.verify import notes, verify

CALM = ("--reference", "calm", "--neutral", "calm")
USUAL = "mean_difference,calm,last"
ALL_DIRECTIONS = "figures/more_than_words"
"""The figure of all directions of a job has a folder beside those of the datasets."""


@pytest.fixture
def place(workplace, tmp_path):
    return workplace._replace(store=shutil.copytree(workplace.store, tmp_path / "store"))


def made(store):
    """Every picture and page, and when it was written."""
    paths = [*(store / "figures").rglob("*.*"), *store.glob("report.*"), *(store / "reports").rglob("*.*")]
    return {path: path.stat().st_mtime_ns for path in paths if path.suffix in (".png", ".svg", ".md", ".html")}


def apart(paths):
    """Those of datasets and reports, and those of all directions."""
    return [[path for path in paths if path.startswith(ALL_DIRECTIONS) == of_all] for of_all in (False, True)]


def new_ones(place, *words):
    """What a command made; nothing else was touched, and the store is in order."""
    before = made(place.store)
    emo_ok(*words, "--store", place.store)
    after = made(place.store)
    assert {path: after.get(path) for path in before} == before
    assert verify(Store(place.store)) == []
    return sorted(str(path.relative_to(place.store)) for path in set(after) - set(before))


def test_the_usual_report_and_figures_have_the_usual_places(place):
    figures = {str(path.parent.relative_to(place.store)) for path in (place.store / "figures").rglob("*.png")}
    models = ("tiny-gpt2", "tiny-neox", "tiny-wide", "cross_model")
    assert figures == {f"figures/mine/{name}/{USUAL}" for name in models} | {f"{ALL_DIRECTIONS}/{USUAL}"}
    assert (place.store / "report.html").is_file() and not (place.store / "reports").exists()
    links = re.findall(r"!\[.*\]\((.*)\)", (place.store / "report.md").read_text())
    assert len(links) == 1 + 3 * 5 + 1 + 3 * 3 and links[0].startswith(f"{ALL_DIRECTIONS}/")
    assert all(link.startswith("figures/mine/") for link in links[1:])


def test_an_emotion_has_figures_of_its_own(place):
    found, of_all = apart(new_ones(place, "plot", *CALM, "-e", "rage"))
    assert {path.split("/", 3)[3].rsplit("/", 1)[0] for path in found} == {f"{USUAL}/emotion=rage"}
    assert {path.rsplit("/", 1)[0] for path in of_all} == {f"{ALL_DIRECTIONS}/{USUAL}/emotion=rage"}
    # one emotion has no pair: nothing empty is drawn
    assert not [path for path in found if "emotion_similarity" in path] and len([p for p in found if "l2_norm" in p]) == 6
    assert new_ones(place, "plot", *CALM, "-e", "rage") == []
    assert new_ones(place, "plot", *CALM, "-e", "thanks", "-e", "rage") == []  # which is all there are


def test_layers_have_figures_of_their_own(place):
    found, of_all = apart(new_ones(place, "plot", *CALM, "-m", "tiny-gpt2", "--layer", "0-1,3"))
    assert {path.rsplit("/", 1)[0] for path in found} == {f"figures/mine/tiny-gpt2/{USUAL}/layer=0-1+3"}
    assert {path.rsplit("/", 1)[0] for path in of_all} <= {f"{ALL_DIRECTIONS}/{USUAL}/model=tiny-gpt2,layer=0-1+3"}
    found, of_all = apart(new_ones(place, "plot", *CALM, "-m", "tiny-gpt2", "--layer", "0-3"))
    assert found == [] and {path.rsplit("/", 1)[0] for path in of_all} == {f"{ALL_DIRECTIONS}/{USUAL}/model=tiny-gpt2"}


def test_fewer_models_do_not_replace_the_figures_across_models(place):
    found = apart(new_ones(place, "plot", *CALM, "-m", "tiny-gpt2", "-m", "tiny-wide"))[0]
    assert {path.rsplit("/", 1)[0] for path in found} == {f"figures/mine/cross_model/{USUAL}/model=tiny-gpt2+tiny-wide"}


def test_a_misspelled_emotion_makes_and_removes_nothing(place):
    before = made(place.store)
    ran = emo("plot", *CALM, "-e", "joy", "--store", place.store)
    assert ran.code == 2 and "--emotion: 'joy' is not one of rage, thanks" in ran.err and made(place.store) == before


def test_another_way_of_making_vectors_replaces_nothing(place):
    found = new_ones(place, "run", *run_options(place)[:-4], "--reference", "others", "--cache", place.cache)
    reports = [path for path in found if path.startswith("report")]
    assert reports == ["reports/reference=others.html", "reports/reference=others.md"]
    found, of_all = apart(found)
    folders = {path.split("/")[3] for path in found if path.startswith("figures/")} | {path.split("/")[2] for path in of_all}
    assert folders == {"mean_difference,others,last"}
    text = (place.store / "reports/reference=others.md").read_text()
    links = re.findall(r"!\[.*\]\((.*)\)", text)
    assert links and all(link.startswith("../figures/") for link in links)
    import urllib.parse

    assert all((place.store / "reports" / urllib.parse.unquote(link)).is_file() for link in links)
    assert "0 tasks done" in emo_ok("run", *run_options(place)).err


def test_a_report_of_less_has_a_name_of_its_own(place):
    assert new_ones(place, "report", *CALM) == []
    assert apart(new_ones(place, "report", *CALM, "-m", "tiny-gpt2"))[0] == [
        f"reports/model=tiny-gpt2.{ending}" for ending in ("html", "md")
    ]
    found = new_ones(place, "report", *CALM, "-e", "rage", "--pooling", "mean")
    assert [path for path in found if path.startswith("report")] == [
        f"reports/emotion=rage,pooling=mean.{ending}" for ending in ("html", "md")
    ]
    # a set of which the store has more
    emo_ok("datasets", "import", place.prompts, "--dataset", "other", "--store", place.store)
    emo_ok("extract", "-d", "other", "-m", place.models[0], "--store", place.store, "--cache", place.cache)
    emo_ok("vectors", *CALM, "--store", place.store)
    found = new_ones(place, "report", *CALM, "-d", "other")
    assert [path for path in found if path.startswith("report")] == [
        f"reports/dataset=other.{ending}" for ending in ("html", "md")
    ]


def test_a_second_label_as_the_neutral_one_does_not_take_the_place_of_the_first(place):
    first = (place.store / "report.md").read_bytes()
    before = made(place.store)
    emo_ok("report", "--reference", "rage", "--neutral", "rage", "--store", place.store)
    found = sorted(str(path.relative_to(place.store)) for path in set(made(place.store)) - set(before))
    assert (place.store / "report.md").read_bytes() == first
    assert [path for path in found if path.startswith("report")] == [
        f"reports/method=mean_difference,reference=rage,pooling=last.{ending}" for ending in ("html", "md")
    ]


def test_a_report_is_written_where_it_is_asked_for(place, tmp_path):
    before = made(place.store)
    target = tmp_path / "deep.html"
    assert emo_ok("report", *CALM, "--store", place.store, "-o", target).out == f"{target}\n"
    # folders are named from where the page is
    folders = target.read_text().replace("<code>store/figures/", "<code>figures/")
    assert folders == (place.store / "report.html").read_text()
    ran = emo("report", *CALM, "--store", place.store, "-o", target)
    assert ran.code == 2 and "the file already exists" in ran.err
    emo_ok("report", *CALM, "--store", place.store, "-o", target, "--force")
    emo_ok("report", *CALM, "--store", place.store, "-o", "page.md", cwd=tmp_path)
    links = re.findall(r"!\[.*\]\((.*)\)", (tmp_path / "page.md").read_text())
    assert links and all(link.startswith("store/figures/") for link in links)
    ran = emo("report", *CALM, "--store", place.store, "-o", tmp_path / "page.pdf")
    assert ran.code == 2 and "a report ends in .md or .html" in ran.err and made(place.store) == before


def test_an_older_extraction_does_not_replace_the_figures_of_the_newest(place):
    (old,) = [one.keys["extraction_id"] for one in Store(place.store).partitions("extractions", model="tiny-gpt2")]
    again = ["-d", "mine", "-m", place.models[0], "--bos", "never", "--store", place.store, "--cache", place.cache]
    emo_ok("extract", *again)
    emo_ok("plot", *CALM, "-m", "tiny-gpt2", "--store", place.store)
    found = apart(new_ones(place, "plot", *CALM, "-m", "tiny-gpt2", "--extraction", old))[0]
    assert {path.rsplit("/", 1)[0] for path in found} == {f"figures/mine/tiny-gpt2/{USUAL}/extraction={old}"}


def test_a_record_of_less_does_not_replace_the_record(place):
    emo_ok("track", *CALM, "--store", place.store)
    emo_ok("report", *CALM, "--store", place.store)
    run, report = ((place.store / name).read_bytes() for name in ("mlflow/run.json", "report.md"))
    emo_ok("track", *CALM, "-e", "rage", "--store", place.store)
    emo_ok("report", *CALM, "-e", "rage", "--store", place.store)
    emo_ok("report", *CALM, "--store", place.store)
    assert (place.store / "mlflow/run.json").read_bytes() == run and (place.store / "report.md").read_bytes() == report
    named_run = re.search(r'"run_id": "(\w+)"', (place.store / "mlflow/emotion=rage.json").read_text())[1]
    assert named_run in (place.store / "reports/emotion=rage.md").read_text() and named_run.encode() not in run
    assert verify(Store(place.store)) == []


def test_removing_a_model_takes_the_reports_about_it_alone(place):
    for words in (["-m", "tiny-gpt2"], ["-m", "tiny-neox"], ["-e", "rage"]):
        emo_ok("report", *CALM, *words, "--store", place.store)
    emo_ok("plot", *CALM, "-m", "tiny-gpt2", "--layer", "1", "--store", place.store)
    listed = emo_ok("rm", "-m", "tiny-gpt2", "--dry-run", "--store", place.store, "--format", "csv").out
    assert "reports/model=tiny-gpt2,0,2," in listed and "reports/emotion=rage" not in listed
    emo_ok("rm", "-m", "tiny-gpt2", "--yes", "--store", place.store)
    names = {path.name for path in (place.store / "reports").glob("*.*")} - {"_manifest.json"}
    assert names == {f"{name}.{ending}" for name in ("model=tiny-neox", "emotion=rage") for ending in ("md", "html")}
    assert not (place.store / "figures/mine/tiny-gpt2").exists()
    store = Store(place.store)
    assert verify(store) == []
    assert [note.folder for note in notes(store)] == [store.root, store.root / "reports"]
    # figures across models went too, so that this report says what was there before
    assert left_stale(store) == [("report", store.root), ("report", store.root / "reports")]
    emo_ok("rm", "-d", "mine", "--yes", "--store", place.store)
    assert not (place.store / "reports").exists() and not (place.store / "figures").exists()


def test_figures_where_an_earlier_emo_had_them_go_when_they_are_drawn_again(place):
    new = place.store / "figures/mine/tiny-gpt2" / USUAL
    old = new.parent
    manifest = Artifacts(new).manifest()
    contents = {entry.name: (new / entry.name).read_bytes() for entry in manifest.files}
    shutil.rmtree(new)
    inputs = {name: value for name, value in manifest.inputs.items() if name not in ("model", "extraction")}
    Artifacts(old).commit(contents, inputs, reads=manifest.reads)
    (old / "mine.txt").write_text("notes")
    emo_ok("plot", *CALM, "-e", "rage", "--store", place.store)
    assert Artifacts(old).manifest() is not None  # those of all emotions are not drawn yet
    emo_ok("plot", *CALM, "--store", place.store)
    assert Artifacts(old).manifest() is None and {path.name for path in old.glob("*.*") if path.is_file()} == {"mine.txt"}
    assert {path.name: path.read_bytes() for path in new.glob("*.[ps]*g")} == contents


def test_names_tell_selections_apart_and_are_no_paths():
    assert named({"emotion": ["a+b"], "model": []}) != named({"emotion": ["a", "b"], "model": []})
    assert named({"emotion": ["../x,layer=1"]}) == "emotion=..%2Fx%2Clayer%3D1"
    long = [named({"emotion": [f"{'x' * 200}{i}"]}) for i in range(2)]
    assert long[0] != long[1] and all(len(name) == LONGEST for name in long)
