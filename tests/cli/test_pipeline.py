"""From prompts to plots by the command line, on tiny models: what is there, what is not done twice, what a kill costs."""

import csv
import io
import json
import re
import shutil
import signal
import subprocess

import numpy as np
import pytest
import tiny
from command import arguments, emo, emo_ok, environment
from workplaces import run_options, write_prompts

from tools import findings
from warehouse.catalog import Catalog
from warehouse.library import queries
from warehouse.store import Store

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
CALM = ("--reference", "calm", "--neutral", "calm")


def rows(ran):
    return list(csv.DictReader(io.StringIO(ran.out)))


def sql(workplace, statement, *words):
    return rows(emo_ok("sql", statement, "--store", workplace.store, "--format", "csv", *words))


def test_the_store_holds_every_layer_of_every_prompt(workplace):
    counts = sql(
        workplace,
        "select model, pooling, count(*) n, count(distinct layer) layers, max(len(activation)) d "
        "from activations group by all order by all",
    )
    assert [tuple(row.values()) for row in counts] == [
        ("tiny-gpt2", "last", "72", "4", "32"),
        ("tiny-gpt2", "mean", "72", "4", "32"),
        ("tiny-neox", "last", "72", "4", "32"),
        ("tiny-neox", "mean", "72", "4", "32"),
        ("tiny-wide", "last", "54", "3", "64"),
        ("tiny-wide", "mean", "54", "3", "64"),
    ]


def test_stored_numbers_follow_from_the_model(workplace):
    """Text to vector once more, by hand: the tokenizer, plain hooks, numpy."""
    from transformers import AutoTokenizer

    folder = workplace.models[0]
    prompts = [json.loads(line) for line in workplace.prompts.read_text().splitlines()]
    ids = [[0, *AutoTokenizer.from_pretrained(folder)(row["text"])["input_ids"]] for row in prompts]
    states = tiny.plain_states(folder, "gpt2", ids)
    labels = np.array([row["emotion"] for row in prompts])
    store = Store(workplace.store)
    for layer in range(4):
        for pooling, pool in (("last", lambda s: s[-1]), ("mean", lambda s: s[1:].mean(0))):
            pooled = np.array([pool(state[layer].double().numpy()) for state in states])
            expected = pooled[labels == "rage"].mean(0) - pooled[labels == "calm"].mean(0)
            (row,) = Catalog(store).dicts(
                "vectors", model=["tiny-gpt2"], emotion=["rage"], layer=[layer], pooling=[pooling], method=["mean_difference"]
            )
            np.testing.assert_allclose(row["vector"], expected, atol=1e-5 * np.abs(pooled).max())
            assert row["l2_norm"] == pytest.approx(np.linalg.norm(expected), rel=1e-4)


def test_tables_and_pictures_are_there(workplace):
    within = sql(workplace, "within_model_similarity_by_model", "-m", "tiny-gpt2")
    assert {(row["pooling"], row["emotion_a"], row["emotion_b"]) for row in within} == {
        ("last", "rage", "thanks"),
        ("mean", "rage", "thanks"),
    }
    across = sql(workplace, "cross_model_similarity_by_emotion")
    # the third model has another width: absent, neither cut nor an error
    assert {(row["model_a"], row["model_b"]) for row in across} == {("tiny-gpt2", "tiny-neox")}
    assert all(row["n_layers_averaged"] == "3" and float(row["chance_stddev"]) == pytest.approx(32**-0.5) for row in across)
    stored = sql(
        workplace, "select count(*) n, min(n_draws) draws, min(p_value) p from cross_model_statistics where measure = 'cosine'"
    )
    assert stored[0]["n"] == "16" and not stored[0]["draws"] and 0 < float(stored[0]["p"]) <= 1
    pictures = emo_ok("plot", *CALM, "--store", workplace.store).out.splitlines()
    # of each of three pairs: two emotions' aligned cosines, transfer, and how prompts are arranged
    # and one picture of all directions beside words
    assert len(pictures) == (3 * 4 + 1 + 3 * 4 + 1) * 2
    assert all(path.endswith((".png", ".svg")) for path in pictures)


def test_a_second_run_does_nothing_and_says_so(workplace):
    before = sorted((path, path.stat().st_mtime_ns) for path in workplace.store.rglob("*.parquet"))
    ran = emo_ok("run", *run_options(workplace))
    assert "0 tasks done" in ran.err
    assert sorted((path, path.stat().st_mtime_ns) for path in workplace.store.rglob("*.parquet")) == before
    plan = json.loads(emo_ok("run", *run_options(workplace), "--dry-run", "--format", "json").out)
    assert {step["reason"] for step in plan} == {"up to date"}


def test_the_kernel_of_attention_is_the_one_asked_for_and_is_kept(workplace, tmp_path):
    elsewhere = workplace._replace(store=tmp_path / "store")
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", elsewhere.store)
    given = ("extract", "-d", "mine", "-m", workplace.models[0], "--store", elsewhere.store)
    kept = []
    for words in ([], ["--attention", "eager", "--force"]):
        emo_ok(*given, *words, EMO_CACHE=str(workplace.cache))
        kept += sql(elsewhere, "select versions->>'attention' as attention from extractions")
    assert [row["attention"] for row in kept] == ["sdpa", "eager"]


def test_a_plan_says_what_follows_and_changes_nothing(workplace, tmp_path):
    plan = json.loads(emo_ok("run", *run_options(workplace), "--draws", 120, "--dry-run", "--format", "json").out)
    reasons = {(step["stage"], step["subject"]): step["reason"] for step in plan}
    assert reasons["compare", "mine, tiny-gpt2"] == "changed: draws"
    assert reasons["plot", "mine, tiny-gpt2"] == "an input will change"
    assert reasons["compare", "mine, tiny-gpt2 and tiny-neox"] == "changed: draws"
    assert reasons["vectors", "mine, tiny-gpt2"] == "up to date"
    emo_ok("run", "-d", "baseline", "-m", workplace.models[0], "--store", tmp_path / "new", "--dry-run")
    assert not (tmp_path / "new").exists()


def test_same_inputs_same_bytes(workplace, tmp_path):
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", tmp_path / "again")
    options = run_options(workplace._replace(store=tmp_path / "again"))
    emo_ok("run", *options)
    for pattern in ("activations/**/*.parquet", "vectors/**/*.parquet", "*statistics/**/*.parquet", "figures/**/*.[ps]*g"):
        paths = sorted(path.relative_to(workplace.store) for path in workplace.store.glob(pattern))
        again = sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").glob(pattern))
        assert paths == again and paths
        assert all((workplace.store / path).read_bytes() == (tmp_path / "again" / path).read_bytes() for path in paths)


def test_layers_and_poolings_are_added_as_parts(workplace, tmp_path):
    base = ["-d", "mine", "-m", workplace.models[0], "--store", tmp_path, "--cache", workplace.cache]
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", tmp_path)
    emo_ok("extract", *base, "--layer", "0-1")
    first = set(tmp_path.glob("activations/**/*.parquet"))
    emo_ok("extract", *base, "--layer", "1,3", "--pooling", "last", "--pooling", "mean")
    assert first < set(tmp_path.glob("activations/**/*.parquet"))
    (extraction,) = Catalog(Store(tmp_path)).dicts("extractions")
    assert extraction["poolings"] == ["last", "mean"] and extraction["layers"] == [0, 1, 3]
    got = Catalog(Store(tmp_path)).rows("select pooling, layer, count(*) n from activations group by all order by all")
    assert [tuple(row.values()) for row in got.to_pylist()] == [
        ("last", 0, 18),
        ("last", 1, 18),
        ("last", 3, 18),
        ("mean", 1, 18),
        ("mean", 3, 18),
    ]
    whole = Catalog(Store(workplace.store)).dicts("activations", model=["tiny-gpt2"], pooling=["mean"], layer=[3])
    added = Catalog(Store(tmp_path)).dicts("activations", pooling=["mean"], layer=[3])
    assert [row["activation"] for row in whole] == [row["activation"] for row in added]


def test_a_run_extracts_a_pooling_that_the_store_lacks(workplace, tmp_path):
    base = ["-d", "mine", "-m", workplace.models[0], "--store", tmp_path, "--cache", workplace.cache, *CALM, "--no-controls"]
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", tmp_path, *CALM[:2])
    emo_ok("extract", *base[:-5], "--pooling", "last")
    emo_ok("run", *base, "--pooling", "mean")
    assert Catalog(Store(tmp_path)).rows("select distinct pooling from vector_quality").to_pylist() == [{"pooling": "mean"}]


def test_changed_topics_redo_statistics_not_extraction(workplace, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(workplace.store, store)
    prompts = [json.loads(line) for line in workplace.prompts.read_text().splitlines()]
    changed = tmp_path / "changed.jsonl"
    changed.write_text(
        "".join(json.dumps({**row, "topic": "one" if i < 6 else row["topic"]}) + "\n" for i, row in enumerate(prompts))
    )
    emo_ok("datasets", "import", changed, "--dataset", "mine", "--store", store)
    options = run_options(workplace._replace(store=store))
    plan = json.loads(emo_ok("run", *options, "--dry-run", "--format", "json").out)
    assert {step["reason"] for step in plan if step["stage"] in ("extract", "vectors")} == {"up to date"}
    assert "changed: prompts" in {step["reason"] for step in plan if step["stage"] == "compare"}


def test_settings_never_mix(workplace, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(workplace.store, store)
    emo_ok("extract", "-d", "mine", "-m", workplace.models[0], "--bos", "never", "--store", store, "--cache", workplace.cache)
    newest = emo_ok("compare", *CALM, "-m", workplace.models[0], "--store", store, "--format", "csv")
    assert len(rows(newest)) == 1
    old = sql(workplace, "select extraction_id from extractions where model = 'tiny-gpt2'")[0]["extraction_id"]
    both = emo_ok("compare", *CALM, "--extraction", old, "--store", store, "--format", "csv")
    assert len(rows(both)) == 2
    ids = rows(emo_ok("sql", "within_model_similarity_by_model", "-m", "tiny-gpt2", "--store", store, "--format", "csv"))
    assert len({row["extraction_id"] for row in ids}) == 2


def test_equal_texts_and_equal_weights_under_other_names_do_not_meet(workplace, tmp_path):
    """One row a grain in every query, although texts and weights are the same bytes."""
    store, twin = tmp_path / "store", tmp_path / "tiny-twin"
    shutil.copytree(workplace.models[0], twin)
    for dataset in ("mine", "other"):
        emo_ok("datasets", "import", workplace.prompts, "--dataset", dataset, "--store", store)
    models = ["-m", workplace.models[0], "-m", twin]
    emo_ok("extract", "-d", "mine", "-d", "other", *models, "--store", store, "--cache", workplace.cache)
    emo_ok("compare", *CALM, "--store", store)
    catalog = Catalog(Store(store))
    found = catalog.dicts("extractions")
    assert len({row["extraction_id"] for row in found}) == 4
    assert len({row["prompts_sha256"] for row in found}) == len({row["weights_sha256"] for row in found}) == 1
    for query in queries().values():
        grain = ", ".join(query.grain)
        doubled = catalog.rows(f'select {grain} from "{query.name}" group by {grain} having count(*) > 1')
        assert not doubled.num_rows, query.name
    norms = catalog.rows("select dataset, model, count(*) n from vector_norms_by_layer group by all order by all").to_pylist()
    assert [tuple(row.values()) for row in norms] == [
        (dataset, model, 8) for dataset in ("mine", "other") for model in ("tiny-gpt2", "tiny-twin")
    ]
    emo_ok("verify", "--store", store)


def test_a_killed_extraction_goes_on_where_it_stopped(workplace, tmp_path):
    """Small parts, a real SIGKILL: nothing is visible, finished parts are kept, and the result has the same bytes."""
    write_prompts(tmp_path / "mine.jsonl")
    emo_ok("datasets", "import", tmp_path / "mine.jsonl", "--dataset", "mine", "--store", tmp_path)
    words = ["extract", "-d", "mine", "-m", workplace.models[0], "--store", tmp_path, "--cache", workplace.cache]
    killed = (
        "import os, signal, emotion_cli.engines.local as e, emotion_cli.models.reader as x; e.PART_BYTES = 4 * 512; "
        "run, calls = x.pooled_activations, []; "
        "x.pooled_activations = lambda *a, **k: (calls.append(1), len(calls) == {call} and "
        "os.kill(os.getpid(), signal.SIGKILL), run(*a, **k))[2]; "
        "from emotion_cli.cli.app import main; main()"
    )
    command = arguments(*words)
    command[2] = killed.format(call=3)
    died = subprocess.run(command, env=environment(), capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert Catalog(Store(tmp_path)).dicts("activations") == []
    (partition,) = Store(tmp_path).folders("activations")
    kept = {path: path.stat().st_mtime_ns for path in map(partition.path_of, partition.progress())}
    assert len(kept) == 2
    command[2] = killed.format(call=0)
    again = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert "resuming after" in again.stderr
    assert all((partition.folder / path.name).stat().st_mtime_ns == changed for path, changed in kept.items())
    whole = Catalog(Store(workplace.store)).dicts("activations", model=["tiny-gpt2"], pooling=["last"])
    parts = Catalog(Store(tmp_path)).dicts("activations")
    assert len(parts) == len(whole)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one["activation"], other["activation"], rtol=0, atol=1e-5)


def test_two_writers_of_one_extraction_do_not_meet(workplace, tmp_path):
    shutil.copytree(workplace.store, tmp_path / "store")
    store = Store(tmp_path / "store")
    with store.partitions("activations", model="tiny-gpt2")[0].hold():
        ran = emo(
            "extract", "-d", "mine", "-m", workplace.models[0], "--force", "--store", store.root, "--cache", workplace.cache
        )
    assert ran.code == 1
    assert "is being written by process" in ran.err


def test_a_dataset_is_compared_with_the_rest_of_one_that_shares_prompts(workplace, tmp_path):
    """No names count: the smaller set is the first one; the other's vector of the rest is made here by hand."""
    lines = workplace.prompts.read_text().splitlines()
    (tmp_path / "zz.jsonl").write_text("\n".join(lines[:9]) + "\n")
    store = tmp_path / "store"
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "mine", "--store", store)
    emo_ok("datasets", "import", tmp_path / "zz.jsonl", "--dataset", "zz", "--store", store)
    options = ["-d", "mine", "-d", "zz", "-m", workplace.models[0], *CALM, "--store", store, "--cache", workplace.cache]
    plan = json.loads(emo_ok("run", *options, "--dry-run", "--format", "json").out)
    emo_ok("run", *options)
    assert sum(step["subject"] == "zz and the rest of mine, tiny-gpt2" for step in plan) == 2
    found = sql(workplace._replace(store=store), "dataset_shift_by_layer")
    assert {(row["dataset_a"], row["dataset_b"], row["n_prompts_common"], row["share_in_common"]) for row in found} == {
        ("zz", "mine", "3", "0.5")
    }
    assert [(row["emotion"], row["layer"]) for row in found] == [(e, str(k)) for e in ("rage", "thanks") for k in range(4)]
    activations = Catalog(Store(store)).dicts("activations", layer=[2], dataset=["mine"])
    own = {row["prompt_id"] for row in Catalog(Store(store)).dicts("prompts", dataset=["zz"])}
    prompts = Catalog(Store(store)).dicts("prompts", dataset=["mine"])

    def differences(inside):
        of = {row["prompt_id"]: np.array(row["activation"], float) for row in activations}
        keyed = {(row["topic"], row["emotion"]): of[row["prompt_id"]] for row in prompts if (row["prompt_id"] in own) == inside}
        return np.array([keyed[topic, "rage"] - keyed[topic, "calm"] for topic in sorted({topic for topic, _ in keyed})])

    def unbiased(d):
        return ((d @ d.T).sum() - np.trace(d @ d.T)) / (len(d) * (len(d) - 1))

    a, b = differences(True), differences(False)
    expected = (a @ b.T).mean() / np.sqrt(unbiased(a) * unbiased(b))
    (row,) = [row for row in found if row["layer"] == "2" and row["emotion"] == "rage"]
    assert float(row["cosine_unbiased"]) == pytest.approx(expected, rel=1e-4)
    assert (store / "figures/mine/tiny-gpt2/mean_difference,calm,last/dataset_shift_zz/dataset_shift.svg").exists()
    assert "50% of mine is in zz, too" in (store / "report.md").read_text()
    assert "0 tasks done" in emo_ok("run", *options).err


def test_test_sets_make_no_vectors(workplace, tmp_path):
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "exam", "--role", "test", "--store", tmp_path)
    emo_ok("run", "-d", "exam", "-m", workplace.models[0], "--store", tmp_path, "--cache", workplace.cache)
    assert Catalog(Store(tmp_path)).dicts("vectors") == []
    # of the model, of words, of its embeddings, and of it untrained
    assert Store(tmp_path).n_rows("activations") == 72 + 18 + 18 + 72
    ran = emo("vectors", "-d", "exam", "--store", tmp_path)
    assert ran.code == 2
    assert "exam is a test set" in ran.err


@pytest.mark.slow
def test_the_main_job_on_the_embedded_models(tmp_path, cache):
    """Issue 2, shown by 1: layers, vectors, tables and plots of both models; a second run does nothing."""
    words = ["run", "--store", tmp_path, "--cache", cache]
    emo_ok(*words, "--track")
    catalog = Catalog(Store(tmp_path))
    found = catalog.rows("select dataset, model, count(distinct layer) layers, count(*) n from activations group by all")
    layers = {"smollm2-135m": 31, "gemma3-270m": 19}
    prompts = {"baseline": 280, "extended": 400, "heldout": 160, "implicit": 400, "implicit-heldout": 160}
    expected = {(dataset, model, layers[model], prompts[dataset] * layers[model]) for dataset in prompts for model in layers}
    kinds = {f"embeddings:{model}": 1 for model in layers} | {f"untrained:{model}": n for model, n in layers.items()}
    expected |= {(dataset, name, n, prompts[dataset] * n) for dataset in prompts for name, n in {**kinds, "words:0": 1}.items()}
    assert {tuple(row.values()) for row in found.to_pylist()} == expected
    vectors = catalog.rows("select distinct dataset, model, emotion from vectors").to_pylist()
    assert len(vectors) == 3 * (2 + 5) * 3
    within = catalog.dicts("within_model_similarity_by_model", model=list(layers))
    assert len(within) == 3 * 2 * 3
    assert all(-1 <= row["mean_cosine_similarity"] <= 1 and row["null_low"] < row["null_high"] for row in within)
    assert catalog.dicts("cross_model_similarity_by_layer") == []
    assert len(list((tmp_path / "figures").rglob("*.png"))) == 3 * (2 * 6 + 4) + 2 + 1
    shifts = catalog.dicts("dataset_shift_by_layer")
    assert len(shifts) == 3 * (31 + 19) and {row["share_in_common"] for row in shifts} == {0.7}
    assert "0 tasks done" in emo_ok(*words, "--track").err
    page = (tmp_path / "report.html").read_text()
    assert page.count("<figure ") == 51 and json.loads((tmp_path / "mlflow" / "run.json").read_text())["run_id"] in page
    written = findings.PAGE.read_text(encoding="utf-8")
    shown, made = (findings.cells(text) for text in (written, findings.page(written, Store(tmp_path))))
    pairs = [pair for tables in zip(shown, made, strict=True) for pair in zip(*tables, strict=True)]
    # another processor may round a layer's value over a limit, but not many of them
    assert sum(says_the_same(*pair) for pair in pairs) >= 0.9 * len(pairs) > 100


def says_the_same(cell, other):
    """Whether two cells have the same words, and numbers within 0.02."""
    (words, numbers), (other_words, other_numbers) = (
        (NUMBER.sub("#", text), list(map(float, NUMBER.findall(text)))) for text in (cell, other)
    )
    return words == other_words and all(abs(a - b) <= 0.02 for a, b in zip(numbers, other_numbers, strict=True))
