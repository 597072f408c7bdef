"""Activations made elsewhere: the same numbers come back, in any order; every fault is named; a faulty file changes nothing."""

import random

import made_elsewhere as made
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotion_cli.errors import UsageError
from emotion_cli.exchange import importing
from emotion_cli.exchange.importing import Declared, import_activations
from emotion_cli.prompts.prompt_set import Prompt
from warehouse.catalog import Catalog
from warehouse.store import Store

NAMES = {"dataset": "mine", "model": "lab/elsewhere"}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def imported(store, origins, **changes):
    return import_activations(store, origins, **{**NAMES, "create_dataset": True, **changes})


def activations(store):
    return Catalog(store).rows("select pooling, layer, prompt_id, emotion, n_tokens, activation from activations order by all")


def expected(rows):
    keyed = [
        (row["pooling"], row["layer"], Prompt(row["text"], row["emotion"]).prompt_id, row["emotion"], row["activation"])
        for row in rows
    ]
    return sorted(keyed, key=lambda row: row[:3])


def test_rows_come_back_as_they_were_given(store):
    rows = made.rows_of(poolings=("mean", "last"))
    found = imported(
        store, [made.table_of(rows)], declared=Declared(n_layers=6, dtype="bfloat16", bos="never", chat_template=False)
    )
    assert found.is_new and found.pairs == {"last": [1, 2, 5], "mean": [1, 2, 5]} and found.n_prompts == 12
    stored = activations(store).to_pylist()
    assert [(*list(row.values())[:4], row["activation"]) for row in stored] == expected(rows)
    assert {row["n_tokens"] for row in stored} == {None}
    (row,) = Catalog(store).dicts("extractions")
    assert {
        name: row[name] for name in ("n_layers", "d_model", "dtype", "bos", "chat_template", "layers", "poolings", "n_prompts")
    } == {
        "n_layers": 6,
        "d_model": 8,
        "dtype": "bfloat16",
        "bos": "never",
        "chat_template": False,
        "layers": [1, 2, 5],
        "poolings": ["last", "mean"],
        "n_prompts": 12,
    }
    assert row["weights_sha256"] is row["n_tokens"] is row["seconds"] is None
    prompts = Catalog(store).rows("select text, emotion, topic, role, n_copies from prompts").to_pylist()
    assert len(prompts) == 12 and {(row["role"], row["n_copies"]) for row in prompts} == {("train", 1)}


def test_the_same_rows_in_any_order_and_form_are_the_same_extraction(store, tmp_path):
    rows = made.rows_of(poolings=("last", "mean"))
    first = imported(store, [made.table_of(rows)])
    before = made.contents(store.root)
    shuffled = random.Random(0).sample(rows, len(rows))
    forms = [
        [
            made.file_of(tmp_path / "a.parquet", shuffled[:30], row_group_size=7),
            made.file_of(tmp_path / "b.parquet", shuffled[30:]),
        ],
        [made.table_of(shuffled, activation=pa.list_(pa.float32(), made.WIDTH))],
        [made.table_of(shuffled, activation=pa.large_list(pa.float64()))],
        [made.table_of([{**row, "prompt_id": Prompt(row["text"], row["emotion"]).prompt_id} for row in rows])],
        [made.table_of([{name: value for name, value in row.items() if name != "topic"} for row in rows])],
    ]
    for origins in forms:
        again = imported(store, origins)
        assert not again.is_new and again.extraction == first.extraction
    assert made.contents(store.root) == before
    other = Store(tmp_path / "other")
    assert imported(other, [made.table_of(shuffled)]).extraction == first.extraction
    assert [path for path in made.contents(other.root) if "part-" in path and "extractions/" not in path] == [
        path for path in before if "part-" in path and "extractions/" not in path
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"declared": Declared(n_layers=6)},
        {"declared": Declared(dtype="float16")},
        {"declared": Declared(bos="always")},
        {"declared": Declared(chat_template=True)},
        {"declared": Declared(revision="abc")},
        {"model": "other"},
    ],
    ids=str,
)
def test_other_settings_are_another_extraction(store, change):
    table = made.table_of(made.rows_of())
    assert imported(store, [table]).extraction.extraction_id != imported(store, [table], **change).extraction.extraction_id


def test_another_number_is_another_extraction(store):
    rows = made.rows_of()
    first = imported(store, [made.table_of(rows)])
    rows[-1]["activation"][-1] += 1e-3
    assert imported(store, [made.table_of(rows)]).extraction.extraction_id != first.extraction.extraction_id


def test_files_are_laid_out_as_extract_does(store, monkeypatch):
    rows = made.rows_of(poolings=("last", "mean"))
    monkeypatch.setattr(importing, "PART_BYTES", 5 * 6 * made.WIDTH * 4)
    found = imported(store, [made.table_of(random.Random(0).sample(rows, len(rows)))])
    partition = found.extraction.partition(store, "activations")
    order = found.extraction.prompts(store).read(["prompt_id"])["prompt_id"].to_pylist()
    assert [pq.ParquetFile(path).metadata.num_row_groups for path in partition.paths()] == [6, 6, 6]
    for pooling, layer in (("last", 1), ("mean", 5)):
        assert partition.read(["prompt_id"], pooling=pooling, layer=layer)["prompt_id"].to_pylist() == order
    assert [(*list(row.values())[:4], row["activation"]) for row in activations(store).to_pylist()] == expected(rows)
    assert partition.manifest().inputs["pairs"] == {"last": [1, 2, 5], "mean": [1, 2, 5]}


def test_a_pooling_may_lack_prompts_and_have_layers_of_its_own(store):
    rows = [row for row in made.rows_of(poolings=("last", "word")) if row["pooling"] == "last" or row["emotion"] != "calm"]
    rows = [row for row in rows if row["pooling"] == "last" or row["layer"] != 2]
    found = imported(store, [made.table_of(rows)])
    assert found.pairs == {"last": [1, 2, 5], "word": [1, 5]} and found.n_prompts == 12
    assert [(*list(row.values())[:4], row["activation"]) for row in activations(store).to_pylist()] == expected(rows)


def test_a_known_dataset_stays_as_it_is(store):
    rows = made.rows_of()
    imported(store, [made.table_of(rows)])
    before = [path for path in made.contents(store.root) if path.startswith("prompts/")]
    some = made.rows_of(topics=2, seed=1)
    assert imported(store, [made.table_of(some)], model="other", create_dataset=False).n_prompts == 6
    assert [path for path in made.contents(store.root) if path.startswith("prompts/")] == before
    with pytest.raises(UsageError, match="is not in dataset mine"):
        imported(store, [made.table_of(made.rows_of(topics=5))])
    with pytest.raises(UsageError, match="dataset mine has role train"):
        imported(store, [made.table_of(rows)], role="test")


def test_a_shipped_set_is_known(store):
    from emotion_cli.prompts.shipped import shipped_prompt_set

    prompts = shipped_prompt_set("baseline").prompts[:20]
    rows = [
        {"prompt_id": prompt.prompt_id, "emotion": prompt.emotion, "pooling": "last", "layer": 3, "activation": [1.0, float(i)]}
        for i, prompt in enumerate(prompts)
    ]
    with pytest.raises(
        UsageError, match="--dataset: 'mine' is not one of baseline, extended, heldout, implicit, implicit-heldout"
    ):
        imported(store, [made.table_of(rows)], create_dataset=False)
    found = imported(store, [made.table_of(rows)], dataset="baseline", create_dataset=False)
    assert found.n_prompts == 20
    assert Catalog(store).rows("select count(*) n from prompts")["n"].to_pylist() == [len(shipped_prompt_set("baseline").prompts)]


def changed(place, **values):
    rows = made.rows_of()
    rows[place] = {**rows[place], **values}
    return rows


def without(name):
    return [{key: value for key, value in row.items() if key != name} for row in made.rows_of()]


NEW_FAULTS = {
    "no text": (changed(3, text=None), "FILE:4: text is missing"),
    "blank text": (
        [{**row, "text": " "} if row["text"] == "calm about topic 0" else row for row in made.rows_of()],
        "text is empty",
    ),
    "no label": (changed(3, emotion=None), "FILE:4: emotion is missing"),
    "two labels": (changed(3, emotion="rage"), "FILE:5: the text has label 'joy' here and 'rage' at FILE:4"),
    "two topics": (changed(3, topic="x"), "FILE:5: the text has topic 'topic 0' here and 'x' at FILE:4"),
    "foreign id": ([{**row, "prompt_id": "x"} for row in made.rows_of()], "FILE:36: prompt_id 'x' is not that of the text"),
    "label of one prompt": (
        [row for row in made.rows_of() if row["emotion"] != "joy" or row["topic"] == "topic 0"],
        "label 'joy' has 1 prompt",
    ),
}

FAULTS = {
    "no pooling": (changed(3, pooling=None), "FILE:4: pooling is missing"),
    "odd pooling": (changed(3, pooling="a/b"), "FILE:4: pooling 'a/b' is not a valid name"),
    "no layer": (changed(3, layer=None), "FILE:4: layer is missing"),
    "negative layer": (changed(3, layer=-1), "FILE:4: layer -1 is negative"),
    "layer beyond": (changed(3, layer=7), "FILE:4: layer 7 is beyond --n-layers 6"),
    "NaN": (changed(3, activation=[float("nan")] * 8), "FILE:4: activation holds NaN, infinity or NULL"),
    "infinity": (changed(3, activation=[float("inf")] + [0.0] * 7), "FILE:4: activation holds NaN, infinity or NULL"),
    "NULL inside": (changed(3, activation=[None] + [0.0] * 7), "FILE:4: activation holds NaN, infinity or NULL"),
    "beyond float32": (changed(3, activation=[1e300] + [0.0] * 7), "FILE:4: activation is beyond the range of float32"),
    "no activation": (changed(3, activation=None), "FILE:4: activation is missing"),
    "empty activation": (changed(3, activation=[]), "FILE:4: activation is empty"),
    "another width": (changed(3, activation=[0.0] * 7), "FILE:4: activation has 7 dimensions, the first row's has 8"),
    "twice": ([*made.rows_of(), made.rows_of()[3]], "FILE:37: the same pooling, layer and prompt as FILE:4"),
    "missing at a layer": (made.rows_of()[:-1], "pooling last, layer 5: the rage prompt"),
    "no rows": (made.rows_of()[:0], "column emotion is missing"),
    "column text": (without("text"), "FILE: column text or prompt_id is missing"),
    "column emotion": (without("emotion"), "FILE: column emotion is missing"),
    "column layer": (without("layer"), "FILE: column layer is missing"),
    "column pooling": (without("pooling"), "FILE: column pooling is missing"),
    "column activation": (without("activation"), "FILE: column activation is missing"),
    "layer as text": ([{**row, "layer": "1"} for row in made.rows_of()], "FILE: column layer is string, not an integer"),
    "layer as float": ([{**row, "layer": 1.0} for row in made.rows_of()], "FILE: column layer is double, not an integer"),
    "text as number": ([{**row, "text": 1} for row in made.rows_of()], "FILE: column text is int64, not text"),
    "activation as number": (
        [{**row, "activation": 1.0} for row in made.rows_of()],
        "FILE: column activation is double, not a list",
    ),
    "activation as integers": (
        [{**row, "activation": [1]} for row in made.rows_of()],
        "not a list of float16, float32 or float64",
    ),
}

KNOWN_FAULTS = {
    "unknown text": (changed(3, text="nobody"), "FILE:4: text 'nobody' is not in dataset mine"),
    "unknown id": ([{**row, "prompt_id": "x"} for row in without("text")], "FILE:1: prompt_id 'x' is not in dataset mine"),
    "neither": (changed(3, text=None), "FILE:4: text or prompt_id is missing"),
    "wrong label": (changed(3, emotion="calm"), "FILE:4: the prompt's label is 'calm' here and 'joy' in mine"),
    "wrong topic": (changed(3, topic="x"), "FILE:4: the prompt's topic is 'x' here and 'topic 0' in mine"),
    "no label": (changed(3, emotion=None), "FILE:4: emotion is missing"),
    "foreign id": ([{**row, "prompt_id": "x"} for row in made.rows_of()], "FILE:36: prompt_id 'x' is not that of the text"),
}


def refused(store, rows, tmp_path):
    path = made.file_of(tmp_path / "rows.parquet", rows)
    with pytest.raises(UsageError) as caught:
        imported(store, [path], declared=Declared(n_layers=6))
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize("name", [*NEW_FAULTS, *FAULTS])
def test_every_fault_of_a_new_dataset_is_named_and_nothing_is_written(store, tmp_path, name):
    rows, said = {**NEW_FAULTS, **FAULTS}[name]
    assert said in refused(store, rows, tmp_path)
    assert not store.root.exists()


@pytest.mark.parametrize("name", [*KNOWN_FAULTS, *FAULTS])
def test_every_fault_with_a_known_dataset_is_named_and_nothing_is_changed(store, tmp_path, name):
    imported(store, [made.table_of(made.rows_of())])
    before = made.contents(store.root)
    rows, said = {**KNOWN_FAULTS, **FAULTS}[name]
    assert said in refused(store, rows, tmp_path)
    assert made.contents(store.root) == before


def test_all_faults_are_named_at_once(store, tmp_path):
    rows = made.rows_of()
    rows[2]["layer"], rows[5]["activation"], rows[7]["pooling"] = -3, [float("nan")] * 8, None
    rows.append(rows[0])
    paths = [
        made.file_of(tmp_path / "a.parquet", rows[:6]),
        tmp_path / "gone.parquet",
        made.file_of(tmp_path / "b.parquet", rows[6:]),
    ]
    (tmp_path / "text.parquet").write_text("no Parquet")
    made.file_of(tmp_path / "empty.parquet", rows)
    pq.write_table(made.table_of(rows)[:0], tmp_path / "empty.parquet")
    with pytest.raises(UsageError) as caught:
        imported(store, [*paths, tmp_path / "text.parquet", tmp_path / "empty.parquet"])
    lines = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    assert lines[0] == "dataset mine: 7 faults, nothing was imported"
    for fault, said in zip(
        lines[1:],
        (
            "a.parquet:3: layer -3 is negative",
            "a.parquet:6: activation holds NaN",
            "b.parquet:2: pooling is missing",
            "b.parquet:31: the same pooling, layer and prompt as a.parquet:1",
            "gone.parquet: no such file",
            "text.parquet: not readable as Parquet",
            "empty.parquet: there are no rows",
        ),
        strict=True,
    ):
        assert fault.strip().startswith(said), lines


def test_very_many_faults_end_the_reading(store):
    rows = made.table_of(made.rows_of() * 300)
    with pytest.raises(UsageError, match="and 9901 more") as caught:
        imported(store, [rows.set_column(4, "layer", pa.array([-1] * rows.num_rows))])
    assert len(str(caught.value).splitlines()) == 102


@pytest.mark.parametrize("declared", [{"n_layers": 0}, {"dtype": "int8"}, {"dtype": "auto"}, {"bos": "perhaps"}], ids=str)
def test_wrong_declarations_are_refused(declared):
    with pytest.raises(UsageError, match=f"--{next(iter(declared)).replace('_', '-')}: "):
        Declared(**declared)


def test_a_wrong_role_is_refused(store):
    with pytest.raises(UsageError, match="--role: 'dev' is not one of train, test"):
        imported(store, [made.table_of(made.rows_of())], role="dev")


def test_labels_that_look_alike_are_questioned_in_a_new_dataset(tmp_path):
    store = Store(tmp_path / "store")
    rows = [{**row, "emotion": "Joy" if row["emotion"] == "calm" else row["emotion"]} for row in made.rows_of()]
    with pytest.raises(UsageError, match=r"the label 'joy' .* looks like 'Joy' at") as caught:
        import_activations(store, [made.table_of(rows)], dataset="mine", model="lab/m", create_dataset=True)
    assert "emo datasets import FILE --dataset mine --accept-labels" in caught.value.hint
    assert not store.root.exists()


def test_layers_beyond_64_bits_with_a_sign_are_beyond_the_model(store):
    table = made.table_of(made.rows_of())
    layers = pa.array([2**64 - 1, *range(1, table.num_rows)], pa.uint64())
    with pytest.raises(UsageError, match="table 1:1: layer 18446744073709551615 is beyond 100,000, which no model has"):
        imported(store, [table.set_column(table.column_names.index("layer"), "layer", layers)])


def test_numbers_that_round_to_infinity_are_beyond_float32_and_others_are_not(store):
    rows = made.rows_of()
    rows[0]["activation"][0] = 3.4028235677973362e38  # the largest double that rounds to the largest float32
    assert imported(store, [made.table_of(rows)]).is_new
    rows[0]["activation"][0] = -3.4028235677973366e38
    with pytest.raises(UsageError, match="table 1:1: activation is beyond the range of float32"):
        imported(store, [made.table_of(rows)])
