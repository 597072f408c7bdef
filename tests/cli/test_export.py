"""`emo export` and the import of its files, as a person runs them."""

import made_elsewhere as made
from command import emo, emo_ok

CALM = ("--reference", "calm", "--neutral", "calm")


def test_from_a_store_to_files_to_another_store(tmp_path):
    path = made.file_of(tmp_path / "rows.parquet", made.rows_of(layers=(1, 2, 3)))
    emo_ok("import", path, "-d", "mine", "-m", "lab/m", "--create-dataset", cwd=tmp_path)
    words = ("export", *CALM, "--as", "gguf", "-o", "vectors é", "--store", tmp_path / "store")
    ran = emo_ok(*words, cwd=tmp_path)
    files = ran.out.splitlines()
    assert files == [f"vectors é/mine/lab%2Fm/mean_difference_calm_last_{emotion}.gguf" for emotion in ("joy", "rage")]
    assert "cannot store layers 1" in ran.err
    again = emo(*words, cwd=tmp_path)
    assert (again.code, again.out) == (2, "") and "--force" in again.err
    said = emo_ok("import", *files, "--store", "other", cwd=tmp_path).err
    assert "imported mine, lab/m: 4 vectors" in said and "without activations; next: emo plot" in said
    assert "already" in emo_ok("import", *files, "--store", "other", cwd=tmp_path).err
    select = "select * from vectors where layer > 1 and method = 'mean_difference' order by all"
    stored = [emo_ok("sql", select, "--format", "csv", "--store", store, cwd=tmp_path).out for store in ("store", "other")]
    assert stored[0] == stored[1] and stored[0].count("\n") == 5
    refused = emo("vectors", *CALM, "--store", "other", cwd=tmp_path)
    assert refused.code == 3 and "without activations" in refused.err and "emo extract -d mine -m lab/m" in refused.plain
    for words, what in ((["rows.parquet"], "in separate commands"), (["-m", "x"], "themselves")):
        ran = emo("import", *files, *words, "--store", "other", cwd=tmp_path)
        assert ran.code == 2 and what in ran.err
    (tmp_path / files[0]).write_bytes(b"GGUF")
    ran = emo("import", *files, "--store", "third", cwd=tmp_path)
    assert ran.code == 2 and files[0] in ran.err and not (tmp_path / "third").exists()


def test_without_activations_there_is_nothing_to_export(tmp_path):
    ran = emo("export", cwd=tmp_path)
    assert ran.code == 3 and "emo run --store store" in ran.err
