"""Vectors leave the store and come back bit for bit; other programs read the files; what is not whole is refused."""

import json

import gguf
import made_elsewhere as made
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from emotion_cli import pipeline
from emotion_cli.errors import MissingError, UsageError
from emotion_cli.exchange.exporting import export_vectors
from emotion_cli.exchange.importing import Declared, import_activations
from emotion_cli.exchange.importing_vectors import import_vectors
from emotion_cli.exchange.vector_files import to_safetensors
from emotion_cli.job.listener import Silence
from emotion_cli.settings import Settings
from warehouse.catalog import Catalog
from warehouse.store import Store
from warehouse.verify import verify

CALM = {"reference": "calm", "neutral": "calm"}
LAYERS = (0, 1, 2, 3)
MADE = "vectors where method = 'mean_difference'"
"""Those that are exported."""

VECTORS = f"select * from {MADE} order by all"


def filled(root, model="lab/m", seed=0):
    """A store with vectors of two emotions at four layers."""
    store = Store(root)
    rows = made.rows_of(layers=LAYERS, poolings=("last", "mean"), seed=seed)
    import_activations(
        store,
        [made.table_of(rows)],
        dataset="mine",
        model=model,
        create_dataset=True,
        declared=Declared(n_layers=3, dtype="float16"),
    )
    job = job_of(store)
    pipeline.run(job, pipeline.stages("vectors", "vectors"))
    return store


def job_of(store, vectors_suffice=True, **settings):
    return pipeline.job_in_store(store, Settings(**CALM, **settings), Silence(), vectors_suffice=vectors_suffice)


def exported(store, folder, kind="safetensors", normalize=False, force=False, **settings):
    return export_vectors(job_of(store, **settings), folder, kind, normalize=normalize, force=force)


@pytest.fixture
def store(tmp_path):
    return filled(tmp_path / "store")


def stored(store, **equal):
    wanted = {"method": "mean_difference", **equal}
    return Catalog(store).dicts("vectors", **{name: [value] for name, value in wanted.items()})


def test_safetensors_hold_the_stored_vectors_and_say_what_they_are(store, tmp_path):
    (path,) = exported(store, tmp_path / "out", pooling=("mean",), emotion=("rage",), layer=(1, 3))
    assert path.relative_to(tmp_path).as_posix() == "out/mine/lab%2Fm/mean_difference_calm_mean.safetensors"
    tensors = load_file(path)
    assert set(tensors) == {"rage.1", "rage.3"}
    for layer in (1, 3):
        (row,) = stored(store, pooling="mean", emotion="rage", layer=layer)
        assert tensors[f"rage.{layer}"].dtype == np.float32
        assert tensors[f"rage.{layer}"].tolist() == row["vector"]
    (extraction,) = Catalog(store).dicts("extractions")
    with safe_open(path, framework="numpy") as file:
        said = file.metadata()
    assert {
        name: said[name]
        for name in (
            "dataset",
            "model",
            "method",
            "reference",
            "pooling",
            "scale",
            "n_layers",
            "d_model",
            "dtype",
            "prompts_sha256",
            "extraction_id",
        )
    } == {
        "dataset": "mine",
        "model": "lab/m",
        "method": "mean_difference",
        "reference": "calm",
        "pooling": "mean",
        "scale": "raw",
        "n_layers": "3",
        "d_model": "8",
        "dtype": "float16",
        "prompts_sha256": extraction["prompts_sha256"],
        "extraction_id": extraction["extraction_id"],
    }
    assert "weights_sha256" not in said  # not known of activations made elsewhere
    assert "before the final norm" in said["hook_point"] and "hook_resid_post" in said["layer_convention"]
    assert [row["l2_norm"] for row in json.loads(said["rows"])] == [
        row["l2_norm"] for row in stored(store, pooling="mean", emotion="rage") if row["layer"] in (1, 3)
    ]
    assert (
        path.read_bytes()
        == exported(store, tmp_path / "again", pooling=("mean",), emotion=("rage",), layer=(1, 3))[0].read_bytes()
    )


def test_gguf_is_what_llama_cpp_loads(store, tmp_path):
    """Its rules: architecture controlvector, every tensor 1-D float32 of one width, direction.k with k from 1, added to block k's output."""
    paths = exported(store, tmp_path, "gguf", pooling=("last",))
    assert [path.name for path in paths] == [f"mean_difference_calm_last_{emotion}.gguf" for emotion in ("joy", "rage")]
    for path, emotion in zip(paths, ("joy", "rage"), strict=True):
        reader = gguf.GGUFReader(path)
        said = {name: field.contents() for name, field in reader.fields.items()}
        assert said["general.architecture"] == "controlvector"
        assert said["controlvector.layer_count"] == 2 and said["controlvector.model_hint"] == "lab/m"
        assert said["emo.emotion"] == emotion and said["emo.scale"] == "raw"
        assert [tensor.name for tensor in reader.tensors] == ["direction.1", "direction.2"]
        for tensor in reader.tensors:
            assert tensor.tensor_type == gguf.GGMLQuantizationType.F32 and tensor.shape.tolist() == [made.WIDTH]
            block = int(tensor.name.removeprefix("direction."))
            # behind block k, counted from 0, k + 1 blocks are applied
            (row,) = stored(store, pooling="last", emotion=emotion, layer=block + 1)
            assert tensor.data.tolist() == row["vector"]


@pytest.mark.parametrize("kind", ["safetensors", "gguf"])
def test_round_trip_is_bit_for_bit(store, tmp_path, kind):
    paths = exported(store, tmp_path / "out", kind)
    other = Store(tmp_path / "other")
    (found,) = import_vectors(other, paths)
    least = 2 if kind == "gguf" else 0
    select = f"select * from {MADE} and layer >= {least} order by all"
    assert Catalog(other).rows(VECTORS).equals(Catalog(store).rows(select))
    assert found.n_vectors == found.n_new == other.n_rows("vectors") == 2 * 2 * (4 - least)
    assert verify(other) == []
    before = made.contents(other.root)
    assert import_vectors(other, paths)[0].n_new == 0
    assert made.contents(other.root) == before
    again = exported(other, tmp_path / "again", kind)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def test_files_of_one_extraction_add_up(store, tmp_path):
    joy, rage = exported(store, tmp_path, "gguf", pooling=("last",))
    other = Store(tmp_path / "other")
    import_vectors(other, [joy])
    assert import_vectors(other, [rage])[0].n_new == 2
    import_vectors(other, exported(store, tmp_path))
    assert Catalog(other).rows(VECTORS).equals(Catalog(store).rows(VECTORS))


def test_imported_vectors_can_be_queried_and_what_needs_activations_says_so(store, tmp_path):
    other = Store(tmp_path / "other")
    import_vectors(other, exported(store, tmp_path) + exported(filled(tmp_path / "second", "lab/n", seed=1), tmp_path))
    for query in ("vector_norms_by_layer", "cross_model_similarity_by_layer"):
        assert Catalog(other).dicts(query)
    norms = [Catalog(one).dicts("vector_norms_by_layer", model=["lab/m"]) for one in (store, other)]
    assert norms[0] == norms[1]
    columns = ("extraction_id", "pooling", "layer", "emotion_a", "emotion_b", "cosine_similarity")
    cosines = [Catalog(one).select("within_model_similarity_by_layer", columns, model=["lab/m"]) for one in (store, other)]
    assert cosines[0].equals(cosines[1]) and cosines[0].num_rows
    with pytest.raises(MissingError, match="it has imported vectors only") as caught:
        job_of(other, vectors_suffice=False)
    assert caught.value.hint == "emo extract -d mine -m lab/m"
    outcome = pipeline.run(job_of(other), pipeline.stages("vectors", "plot"))
    assert {task.stage for task in outcome.done} == {"plot"} and len(outcome.done) == 3
    with pytest.raises(MissingError, match="imported are mean_difference/calm/last"):
        exported(other, tmp_path / "out", method="neutral_pcs_removed")


def test_activations_that_come_later_take_over(store, tmp_path):
    paths = exported(store, tmp_path)
    other = Store(tmp_path / "other")
    import_vectors(other, paths)
    filled(other.root)
    assert {row["status"] for row in Catalog(other).dicts("extractions")} == {"complete"}
    assert Catalog(other).rows(VECTORS).equals(Catalog(store).rows(VECTORS))
    assert import_vectors(other, paths)[0].n_new == 0
    (other.partition("vectors", **next(iter(other.partitions("vectors"))).keys).control / "_manifest.json").unlink()
    with pytest.raises(UsageError, match=r"extraction .* has activations in the store"):
        import_vectors(other, paths)


def test_unit_length_is_a_scale_that_cannot_come_back(store, tmp_path):
    path = exported(store, tmp_path, normalize=True)[0]
    for name, vector in load_file(path).items():
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6), name
    with pytest.raises(UsageError, match="scale 'unit length', not 'raw'"):
        import_vectors(Store(tmp_path / "other"), [path])


def test_what_is_there_is_not_overwritten(store, tmp_path):
    paths = exported(store, tmp_path / "out")
    paths[1].write_text("mine")
    with pytest.raises(UsageError, match="already exists") as caught:
        exported(store, tmp_path / "out")
    assert "--force" in caught.value.hint and paths[1].read_text() == "mine"
    exported(store, tmp_path / "out", force=True)
    assert load_file(paths[1])
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path not in paths]


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"emotion": ("awe",)}, UsageError, "--emotion: 'awe' is not one of joy, rage"),
        ({"layer": (9,)}, MissingError, "no layer given"),
    ],
    ids=str,
)
def test_what_is_not_there_is_named(store, tmp_path, settings, error, said):
    with pytest.raises(error, match=said):
        exported(store, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_layers_that_gguf_has_no_place_for_are_refused(store, tmp_path):
    with pytest.raises(UsageError, match="cannot store layers 0, 1"):
        exported(store, tmp_path / "out", "gguf", layer=(0, 1))


def altered(path, **changes):
    """The file with other metadata, written by the library."""
    with safe_open(path, framework="numpy") as file:
        said = {**file.metadata(), **changes}
    save_file(load_file(path), path, metadata={name: value for name, value in said.items() if value is not None})
    return path


FAULTS = {
    "foreign": (lambda path: save_file({"x.1": np.ones(8, np.float32)}, path), "not written by emo export"),
    "no Parquet either": (lambda path: path.write_text("text"), "not a complete safetensors file"),
    "gone": (lambda path: path.unlink(), "no such file"),
    "no rows": (lambda path: altered(path, rows="[]"), "do not match its metadata"),
    "no pooling": (lambda path: altered(path, pooling=None), "does not say pooling"),
    "no extraction": (lambda path: altered(path, extraction_id=None), "does not say extraction_id"),
    "another width": (lambda path: altered(path, d_model="9"), "does not match its vectors"),
    "no number": (lambda path: altered(path, n_prompts="many"), "not in the format of emo export"),
    "other numbers": (
        lambda path: save_file(
            {name: 2 * vector for name, vector in load_file(path).items()}, path, metadata=safe_open(path, "numpy").metadata()
        ),
        "changed after the export",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faulty_files_are_named_and_nothing_is_imported(store, tmp_path, name):
    good, path = exported(store, tmp_path / "out")
    fault, said = FAULTS[name]
    fault(path)
    with pytest.raises(UsageError, match=said) as caught:
        import_vectors(Store(tmp_path / "other"), [good, path])
    assert str(path) in str(caught.value)
    assert not (tmp_path / "other").exists()


def test_another_vector_under_the_same_name_is_refused(store, tmp_path):
    from emotion_cli.exchange.vector_files import read_vector_file

    (path,) = exported(store, tmp_path / "out", pooling=("last",))
    other = Store(tmp_path / "other")
    import_vectors(other, [path])
    file = read_vector_file(path)
    path.write_bytes(to_safetensors(file._replace(vectors=file.vectors + np.float32(1))))
    before = made.contents(other.root)
    with pytest.raises(UsageError, match=r"joy, layer 0 of extraction .* has a different vector elsewhere"):
        import_vectors(other, [path])
    assert made.contents(other.root) == before


def test_a_name_cannot_leave_the_store(store, tmp_path):
    path = exported(store, tmp_path / "out")[0]
    altered(path, dataset="../../x", model="..")
    (found,) = import_vectors(Store(tmp_path / "deep" / "other"), [path])
    assert found.n_new
    assert {one.name for one in tmp_path.iterdir()} == {"store", "out", "deep"}
    assert [one.name for one in (tmp_path / "deep").iterdir()] == ["other"]
