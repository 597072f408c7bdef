"""`emo score` as a person uses it, on tiny models: any text, files, sets; what is refused, stored and made again."""

import io
import json
import shutil

import numpy as np
import pytest
from command import emo, emo_ok
from workplaces import Workplace

from warehouse.catalog import Catalog
from warehouse.store import Store

TEXT = "thank you so much today ."


@pytest.fixture(scope="module")
def place(workplace, tmp_path_factory) -> Workplace:
    """A store of its own, with a test set."""
    root = tmp_path_factory.mktemp("score")
    store = shutil.copytree(workplace.store, root / "store")
    texts = {"thanks": "{} , thank you so much .", "rage": "{} , I am furious today !", "calm": "{} , the bus is of a ."}
    topics = ["so", "you", "the bus", "today", "much of", "and a"]
    rows = [
        {"text": text.format(topic), "emotion": emotion, "topic": topic} for topic in topics for emotion, text in texts.items()
    ]
    (root / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    emo_ok("datasets", "import", root / "new.jsonl", "--dataset", "new", "--role", "test", "--store", store)
    return workplace._replace(store=store)


def options(place: Workplace, model: int = 0) -> list[object]:
    return ["-d", "mine", "-m", place.models[model], "--neutral", "calm", "--store", place.store, "--cache", place.cache]


def given(place: Workplace, *more: object) -> list[object]:
    return [*options(place), "--layer", 2, *more]


def scored(place: Workplace, *more: object) -> list[dict]:
    return [json.loads(line) for line in emo_ok("score", *given(place, "-f", "jsonl", *more)).out.splitlines()]


def test_a_text_is_scored_token_by_token(place):
    (row,) = scored(place, TEXT)
    assert [one["emotion"] for one in row["emotions"]] == ["rage", "thanks"]
    assert [one["token"] for one in row["tokens"]] == ["thank", "you", "so", "much", "today", "."]
    assert all(TEXT[one["start"] : one["stop"]] == one["token"] for one in row["tokens"])
    numbers = [one[name] for one in row["emotions"] for name in ("emotional", "which")]
    assert all(0 < value < 1 for value in numbers)


def test_quantiles_are_counted_among_the_stored_neutral_tokens(place):
    """The oracle: rows of the store, counted with SQL; the text is one of the training set's neutral texts."""
    (row,) = scored(place, "-e", "rage", TEXT)
    catalog = Catalog(Store(place.store))
    for reference, name in (("calm", "emotional"), ("others", "which")):
        known = catalog.rows(
            "select projection from token_scores where test_set is null and layer = 2 and emotion = 'rage' and reference = ? "
            "and model = 'tiny-gpt2' and not sink",
            [reference],
        )["projection"].to_pylist()
        n_equal_steps = [one["scores"]["rage"][name] * (len(known) + 1) - 0.5 for one in row["tokens"]]
        assert np.allclose(n_equal_steps, np.round(n_equal_steps))  # a count of tokens below
        z = [one["scores"]["rage"][f"z_{name}"] for one in row["tokens"]]
        median = np.median(known)
        deviation = 1.4826 * np.median(np.abs(known - median))
        counted = [sum(value < median + one * deviation for value in known) for one in z]
        assert np.allclose(n_equal_steps, counted)


def test_texts_come_from_lines_json_lines_and_stdin(place, tmp_path, monkeypatch):
    lines, rows = tmp_path / "texts.txt", tmp_path / "texts.jsonl"
    lines.write_text(f"{TEXT}\n\n  \r\nthe bus is late .\r\n")
    rows.write_text(f"{json.dumps({'id': 'a', 'text': TEXT})}\n{json.dumps({'text': 'the bus is late .'})}\n")
    ran = emo_ok("score", *given(place, "-f", "jsonl", "--file", lines))
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [(one["id"], one["text"]) for one in found] == [("1", TEXT), ("4", "the bus is late .")]
    assert "2 lines without text left out (2, 3)" in ran.err
    again = scored(place, "--file", rows)
    assert [one["id"] for one in again] == ["a", "2"]
    assert [one["emotions"] for one in again] == [one["emotions"] for one in found]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.read_bytes())))
    assert scored(place, "--file", "-") == again


def test_many_lines_are_the_same_as_each_by_itself(place, tmp_path):
    """A thousand lines, read many at a time."""
    words = ["thank", "you", "furious", "bus", "late", "today", "so", "."]
    texts = [" ".join(words[(i + j) % 8] for j in range(1 + i % 6)) for i in range(1000)]
    file = tmp_path / "many.txt"
    file.write_text("\n".join(texts))
    found = scored(place, "--file", file)
    assert [one["text"] for one in found] == texts
    for i in (0, 7, 500, 999):
        (alone,) = scored(place, texts[i])
        of_many = [one[name] for one in found[i]["emotions"] for name in ("emotional", "which")]
        # counts of texts: rounding of float32 moves none, but for ties
        assert np.allclose(of_many, [one[name] for one in alone["emotions"] for name in ("emotional", "which")], atol=0.06)


def test_texts_that_are_given_are_not_stored(place):
    before = Catalog(Store(place.store)).rows("select count(*) as n from token_scores")["n"].to_pylist()
    scored(place, "furious furious furious")
    assert Catalog(Store(place.store)).rows("select count(*) as n from token_scores")["n"].to_pylist() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to score"),
        (["", "--file", "x"], "exclude each other"),
        ([" "], "TEXT is empty"),
        (["x", "--layer", "9"], "tiny-gpt2 has layers 0 to 3"),
        (["x", "--layer", "two"], "neither a layer's number nor `best`"),
        (["--file", "/no/such"], "--file /no/such"),
        (["--on", "mine"], "it is a training set"),
        (["--on", "new", "-f", "html"], "a set has a figure"),
        (["x", "-o", "x.pdf"], "unknown ending '.pdf'"),
        (["x", "-o", "x.csv", "-f", "html"], "the ending means csv"),
        (["x", "-e", "joy"], "'joy' is not one of"),
        (["x", "--pooling", "word"], "--pooling word"),
        (["x", "--pooling", "last", "--pooling", "mean"], "one at a time"),
        (["the " * 80], "longer than the 64 tokens that tiny-gpt2 reads"),
    ],
)
def test_what_cannot_be_scored_is_said(place, words, said):
    ran = emo("score", *options(place), *words)
    assert ran.code == 2 and said in ran.err and "next:" in ran.err and not ran.out


def test_a_long_line_is_named(place, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("you\n" + "the " * 80 + "\n")
    ran = emo("score", *options(place), "--file", file)
    assert ran.code == 2 and f"{file}, line 2 is longer than the 64 tokens" in ran.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "there is no text in it"),
        (b"\xff\xfe", "line 1: it is not UTF-8"),
        (b'{"text": "a"}\n{"txt": "b"}\n', "line 2: not a JSON object with a string `text`"),
        (b'{"text": "a", "id": [1]}\n', "line 1: `id` is neither a string nor a number"),
        (b'{"text": "\\ud800"}\n', "line 1: half of a surrogate pair"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_with_its_line(place, tmp_path, content, said):
    file = tmp_path / "texts.jsonl"
    file.write_bytes(content)
    ran = emo("score", *options(place), "--file", file)
    assert ran.code == 2 and said in ran.err and "texts.jsonl" in ran.err


def test_the_layer_that_is_best_in_training_is_the_default(place):
    store = Catalog(Store(place.store))
    best = store.rows(
        "select emotion, layer from vector_quality where measure = 'auroc_best' and model = 'tiny-gpt2' and pooling = 'last' "
        "and method = 'mean_difference' and reference = 'calm' order by emotion"
    ).to_pylist()
    row = json.loads(emo_ok("score", *options(place), "-f", "jsonl", TEXT).out)
    assert [(one["emotion"], one["layer"]) for one in row["emotions"]] == [(one["emotion"], one["layer"]) for one in best]
    ran = emo("score", *options(place), "--reference", "others", TEXT)
    assert ran.code == 3 and "not measured yet for rage, thanks (reference others)" in ran.err


def test_a_set_is_scored_and_its_first_token_tells_nothing_apart(place):
    rows = json.loads(emo_ok("score", *given(place, "--on", "new", "-f", "json")).out)
    first = [row for row in rows if row["place"] == "t1"]
    assert len(first) == 4 and all(row["auroc"] == 0.5 for row in first)
    assert {row["place"] for row in rows} >= {"t1", "t2", "last", "mean", "max"}
    ran = emo_ok("score", *given(place, "--on", "new"))
    assert "t1" in ran.out and "loading" not in ran.err  # nothing is made again
    folder = place.store / "figures" / "mine" / "tiny-gpt2"
    assert {path.name for path in next(folder.glob("scores=new*")).glob("score_by_place.*")} == {
        "score_by_place.png",
        "score_by_place.svg",
    }
    flags = Catalog(Store(place.store)).dicts("scores_by_text_kind")
    assert {(row["emotion"], row["reference"], row["place"]) for row in flags} == {
        (emotion, reference, "last") for emotion in ("rage", "thanks") for reference in ("calm", "others")
    }
    emo_ok("verify", "--store", place.store)


def test_scores_of_a_set_are_those_of_its_texts(place):
    emo_ok("score", *given(place, "--on", "new"))
    stored = (
        Catalog(Store(place.store))
        .rows(
            "select s.position, s.quantile, s.z_robust, s.token from token_scores s join prompts p on s.text_id = p.prompt_id "
            "where s.test_set = 'new' and p.dataset = 'new' and p.text = 'today , thank you so much .' and s.layer = 2 "
            "and s.emotion = 'rage' and s.reference = 'calm' order by 1"
        )
        .to_pylist()
    )
    (row,) = scored(place, "today , thank you so much .")
    assert [one["token"] for one in stored] == [one["token"] for one in row["tokens"]]
    found = [one["scores"]["rage"]["z_emotional"] for one in row["tokens"]]
    assert [one["z_robust"] for one in stored] == pytest.approx(found, abs=1e-3)


def test_other_prompts_make_the_calibration_stale(place, tmp_path):
    store = shutil.copytree(place.store, tmp_path / "store")
    words = [*given(place._replace(store=store)), TEXT]
    emo_ok("score", *words)
    assert "calm training texts" not in emo_ok("score", *words).err
    extracted = ["-d", "mine", "-m", place.models[0], "--pooling", "content", "--store", store, "--cache", place.cache]
    emo_ok("extract", *extracted)
    assert "calm training texts (changed: activations)" in emo_ok("score", *words).err


def test_removing_a_model_removes_its_scores(place, tmp_path):
    store = shutil.copytree(place.store, tmp_path / "store")
    assert Store(store).partitions("token_scores", model="tiny-gpt2")
    emo_ok("rm", "-m", "tiny-gpt2", "--yes", "--store", store)
    assert not Store(store).partitions("token_scores", model="tiny-gpt2")
    # the report is stale, as after any removal
    assert "_scores" not in emo("verify", "--store", store, "--format", "jsonl").out


def test_the_table_marks_words_without_colour(place):
    out = emo_ok("score", *given(place), TEXT, NO_COLOR="1").out
    assert "rage    layer  2   emotional 0." in out and "\x1b" not in out
    assert "attention sink" in out
