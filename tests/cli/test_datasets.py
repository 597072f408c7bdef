"""`emo datasets`: names that ship, formulas of a file, and what is said of a reference."""

import csv
import io
import json

import pytest
from command import emo, emo_ok

TEXTS = {"Neutral": ("It is noon.", "A day has hours."), "joy": ("=1+1 is fun!", "@you, so glad!")}


@pytest.fixture
def path(tmp_path):
    rows = [{"text": text, "emotion": label} for label, texts in TEXTS.items() for text in texts]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_formulas_of_a_file_are_shown_as_they_are_when_asked(path):
    def texts(ran):
        return [row["text"] for row in csv.DictReader(io.StringIO(ran.out))]

    ran = emo_ok("datasets", "show", path, "--format", "csv")
    assert texts(ran)[2:] == ["'=1+1 is fun!", "'@you, so glad!"] and "before 2 texts like a formula" in ran.err
    ran = emo_ok("datasets", "show", path, "--format", "csv", "--formulas")
    assert texts(ran)[2:] == ["=1+1 is fun!", "@you, so glad!"] and not ran.err


def versions(name, store):
    return [row for row in json.loads(emo_ok("datasets", "list", *store, "--format", "json").out) if row["dataset"] == name]


@pytest.mark.parametrize("name", ["baseline", "extended", "heldout", "implicit", "implicit-heldout"])
def test_the_name_of_a_shipped_set_is_only_taken_when_asked(path, tmp_path, name):
    store = ["--store", tmp_path / "store"]
    ran = emo("datasets", "import", path, "--dataset", name, *store)
    assert ran.code == 2 and f"{name} is the name of a set that ships" in ran.err and "--replace" in ran.err
    assert not (tmp_path / "store").exists()
    (tmp_path / "store").mkdir()
    (before,) = versions(name, store)
    ran = emo_ok("datasets", "import", path, "--dataset", name, "--replace", *store)
    assert f"in this store {name} now means this set, not the set that ships; emo rm --dataset {name} undoes it" in ran.plain
    (replaced,) = versions(name, store)
    assert (replaced["prompts"], replaced["emotions"], replaced["in_store"]) == (4, "Neutral, joy", True)
    emo_ok("rm", "--dataset", name, "--yes", *store)
    assert versions(name, store) == [before]


@pytest.mark.parametrize("name", ["Baseline", "extended\u200b", "ｈｅｌｄｏｕｔ"])  # noqa: RUF001
def test_a_name_that_looks_like_a_shipped_one_is_refused(path, tmp_path, name):
    ran = emo("datasets", "import", path, "--dataset", name, "--store", tmp_path / "store")
    assert ran.code == 2 and "which ships with emo" in ran.err and ascii(name) in ran.err


def test_replace_is_for_shipped_names_and_own_names_get_versions(path, tmp_path):
    store = ["--store", tmp_path / "store"]
    assert emo("datasets", "import", path, "--dataset", "mine", "--replace", *store).code == 2
    emo_ok("datasets", "import", path, "--dataset", "mine", *store)
    path.write_text(path.read_text().replace("noon", "one"))
    emo_ok("datasets", "import", path, "--dataset", "mine", *store)
    assert len(list((tmp_path / "store/prompts/dataset=mine").iterdir())) == 2
    assert "It is one." in emo_ok("datasets", "show", "mine", *store).out


def test_an_import_needs_a_name(path, tmp_path):
    ran = emo("datasets", "import", path, "--store", tmp_path / "store")
    assert ran.code == 2 and f"emo datasets import {path} --dataset mine" in ran.plain


def test_a_label_that_looks_like_the_usual_reference_is_said(path, tmp_path):
    ran = emo_ok("datasets", "import", path, "--dataset", "mine", "--store", tmp_path / "store")
    assert "'Neutral' is used as the reference" in ran.plain
    assert ran.plain.strip().endswith("next: emo run -d mine --reference Neutral --neutral Neutral")
    assert "'Neutral' is used as the reference" not in emo_ok("datasets", "validate", path).err
    ran = emo("datasets", "validate", path, "--reference", "neutral")
    assert ran.code == 2 and "did you mean 'Neutral'?" in ran.err
