"""`emo verify` finds each kind of damage and names its file; `--repair` mends it without deleting what was committed."""

import dataclasses
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from command import emo, emo_ok, environment
from earlier_layout import as_before
from workplaces import run_options

from warehouse import lock, migrations, schema
from warehouse.catalog import Catalog
from warehouse.errors import HeldError, OlderError, StoreError
from warehouse.repair import repair
from warehouse.store import QUARANTINE, Partition, Store, table_of
from warehouse.verify import verify


@pytest.fixture
def store(workplace, tmp_path):
    shutil.copytree(workplace.store, tmp_path / "a store, ärger")
    return Store(tmp_path / "a store, ärger")


def part_of(store, table, **keys):
    return store.partitions(table, **keys)[0].paths()[0]


def recommitted(store, table, change, **keys):
    """A faulty writer: the manifest agrees with the file, and the file is wrong."""
    partition = store.partitions(table, **keys)[0]
    manifest = partition.manifest()
    rows = change(pq.ParquetFile(partition.paths()[0]).read())
    entry = partition.write([rows], part=manifest.files[0].part)
    partition.commit([entry, *manifest.files[1:]], manifest.inputs, reads=manifest.reads)
    return partition.path_of(entry)


def with_nan(rows):
    values = rows["l1_norm"].to_pylist()
    return rows.set_column(rows.column_names.index("l1_norm"), rows.schema.field("l1_norm"), [[float("nan"), *values[1:]]])


def damaged_manifest(store):
    path = store.partitions("vectors")[0].control / "_manifest.json"
    path.write_text(path.read_text()[:100])
    return path


def foreign_manifest(store):
    folder = store.partitions("vectors")[0].control
    other = store.partitions("vectors")[1].control
    shutil.copy(other / "_manifest.json", folder / "_manifest.json")
    return folder / "_manifest.json"


def newer_manifest(store):
    path = store.partitions("vectors")[0].control / "_manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 999}))
    return path


def wrong_hash(store):
    path = store.partitions("vectors")[0].control / "_manifest.json"
    saved = json.loads(path.read_text())
    saved["files"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(saved))
    return store.partitions("vectors")[0].folder / saved["files"][0]["name"]


def wrong_rows(store):
    path = store.partitions("vectors")[0].control / "_manifest.json"
    saved = json.loads(path.read_text())
    saved["files"][0]["rows"] += 1
    path.write_text(json.dumps(saved))
    return store.partitions("vectors")[0].folder / saved["files"][0]["name"]


def written(path, content=b"x"):
    path.write_bytes(content)
    return path


def truncated(path):
    path.write_bytes(path.read_bytes()[:-7])
    return path


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def gone(path):
    path.unlink()
    return path


DAMAGE = {
    "temporary": lambda store: written(store.partitions("vectors")[0].folder / ".tmp-x"),
    "superseded": lambda store: written(store.partitions("vectors")[0].folder / "part-0123456789abcdef.parquet"),
    "foreign": lambda store: written(store.partitions("vectors")[0].folder / "notes.txt"),
    "missing": lambda store: gone(part_of(store, "vectors")),
    "checksum": lambda store: truncated(part_of(store, "vectors")),
    "checksum of prompts": lambda store: flipped(part_of(store, "prompts")),
    "checksum of activations": lambda store: flipped(part_of(store, "activations", model="tiny-gpt2")),
    "missing extractions": lambda store: gone(part_of(store, "extractions", model="tiny-gpt2")),
    "checksum of hash": wrong_hash,
    "manifest": damaged_manifest,
    "manifest of another": foreign_manifest,
    "newer": newer_manifest,
    "rows": wrong_rows,
    "schema": lambda store: recommitted(store, "vectors", lambda rows: rows.drop_columns(["l1_norm"])),
    "values": lambda store: recommitted(store, "vectors", with_nan),
    "grain": lambda store: recommitted(store, "vectors", lambda rows: pa.concat_tables([rows, rows])),
    "artifact": lambda store: flipped(next(store.root.glob("figures/**/*.png"))),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_each_damage_is_found_named_and_repaired(workplace, store, name):
    path = DAMAGE[name](store)
    check = name.split()[0]
    faults = verify(store)
    assert (check, path) in [(fault.check, fault.file) for fault in faults], faults
    content = path.read_bytes() if path.exists() else None
    repair(store, faults)
    kept = [one.read_bytes() for one in (store.root / QUARANTINE).rglob("*") if one.is_file()]
    left = {fault.check for fault in verify(store)}
    if check in ("temporary", "superseded"):
        assert not path.exists() and not kept and not left
    elif check == "newer":
        assert left == {"newer"} and path.read_bytes() == content
    elif check == "artifact":
        assert left == {"artifact"}
    else:
        assert not left & {check}
        assert content is None or content in kept


def test_a_sound_store_has_no_fault_and_the_command_says_so(workplace):
    ran = emo_ok("verify", "--store", workplace.store, "--format", "json")
    assert json.loads(ran.out) == [] and "no fault was found" in ran.err


KILLED_BEFORE_A_COMMIT = """
import os, signal, sys
from emotion_cli.cli.app import main
from warehouse import protocol
commit, table = protocol.commit, sys.argv.pop(1)
def killed_before_it(folder, manifest):
    if manifest.table == table:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(folder, manifest)
protocol.commit = killed_before_it
main()
"""


def test_no_fault_is_found_after_ordinary_use(workplace, store):
    """Other draws, a second variant, a run that was killed after its first commits, the same run again, and removals."""
    place = workplace._replace(store=store.root)
    options = [str(word) for word in run_options(place)]

    def assert_sound(after):
        ran = emo("verify", "--store", store.root, "--format", "json")
        assert (ran.code, ran.out) == (0, "[]\n"), (after, ran)

    for more in (["--draws", "120"], ["--reference", "others"]):
        emo_ok("run", *options, *more)
        assert_sound(more)
    emo_ok("datasets", "import", workplace.prompts, "-d", "further", "--store", store.root)
    command = [sys.executable, "-c", KILLED_BEFORE_A_COMMIT, "vectors", "run", *options, "-d", "further"]
    killed = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert store.partitions("extractions", dataset="further") and not store.partitions("vectors", dataset="further")
    assert_sound("a killed run")
    assert "0 tasks done" not in emo_ok("run", *options, "-d", "further").err
    assert_sound("the same run again")
    for what in (["-m", "tiny-neox"], ["-d", "further"], ["-d", "mine"]):
        emo_ok("rm", *what, "--yes", "--store", store.root)
        assert_sound(what)


def test_a_bad_part_is_put_aside_and_made_again_alone(workplace, store):
    """Nothing pretends that it is there; the next run makes it, with the same bytes, so that what was made of it is true again."""
    activations = store.partitions("activations", model="tiny-gpt2")[0]
    before = activations.manifest()
    bad = flipped(part_of(store, "activations", model="tiny-gpt2"))
    ran = emo("verify", "--store", store.root, "--format", "json")
    assert ran.code == 4
    assert [(row["check"], row["file"]) for row in json.loads(ran.out)] == [("checksum", str(bad))]
    assert "emo verify --repair" in ran.plain
    ran = emo("verify", "--repair", "--store", store.root, "--format", "json")
    assert ran.code == 4 and "moved to quarantine/" in ran.out
    # what was made of it waits for it; nothing pretends that it is there
    assert {fault.check for fault in verify(store)} == {"stale"}
    assert emo("vectors", "-m", "tiny-gpt2", "--store", store.root).code == 3
    assert Catalog(store).dicts("extractions", model=["tiny-gpt2"]) == []
    options = run_options(workplace._replace(store=store.root))
    plan = json.loads(emo_ok("run", *options, "--dry-run", "--format", "json").out)
    assert next(step["reason"] for step in plan if step["reason"] != "up to date") in ("incomplete", "not there yet")
    ran = emo_ok("run", *options)
    assert activations.manifest().fingerprint == before.fingerprint
    assert verify(store) == []


def test_stale_derived_tables_are_named_until_they_are_made_again(store):
    partition = store.partitions("activations", model="tiny-gpt2")[0]
    manifest = partition.manifest()
    partition.commit(
        manifest.files[:-1]
        or [
            partition.write(
                [table_of("activations", {name: [] for name in schema.TABLES["activations"].file_column_names}, d_model=32)]
            )
        ],
        manifest.inputs,
    )
    stale = [fault for fault in verify(store) if fault.check == "stale"]
    assert {fault.file.relative_to(store.root).parts[0] for fault in stale} >= {
        "vectors",
        "within_model_statistics",
        "extractions",
    }
    assert all("has changed since" in fault.detail and partition.place in fault.detail for fault in stale)


def test_files_of_a_living_writer_are_left_alone(store):
    partition = store.partitions("vectors")[0]
    path = written(partition.folder / ".tmp-live")
    code = (
        f"import sys; from warehouse.lock import held; from pathlib import Path\n"
        f"with held(Path({str(partition.control)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert verify(store) == []
        other.kill()
    assert [fault.file for fault in verify(store)] == [path]


def test_where_no_lock_is_known_a_file_stands_in(store, monkeypatch):
    def none(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    folder = store.partitions("vectors")[0].control
    marker, holder = folder / lock.MARKER, folder / lock.HOLDER
    with lock.held(folder), pytest.raises(HeldError, match=f"process {os.getpid()} on .* since"), lock.held(folder):
        pass
    assert not marker.exists() and not holder.exists()
    marker.write_text(f"{2**22 + 1}\n{socket.gethostname()}\n")
    with lock.held(folder):  # that process is gone
        pass
    marker.write_text("1\nelsewhere\n")
    holder.write_text(json.dumps({"pid": 1, "host": "elsewhere", "since": "long ago"}))
    with pytest.raises(HeldError, match="elsewhere since long ago") as refused, lock.held(folder):
        pass
    assert str(marker) in refused.value.hint


def dying_at_call(number, method):
    left = [number]

    def call(*given, **options):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return method(*given, **options)

    return call


def test_an_older_store_is_refused_and_migrated(store, monkeypatch):
    """A made-up later version with marked labels: what was derived still counts as made of the same, after a kill, too."""
    before = verify(store)
    assert before == []
    newest = schema.SCHEMA_VERSION
    monkeypatch.setattr(schema, "SCHEMA_VERSION", newest + 1)

    def step(table, columns):
        if table == "vectors":
            columns["emotion"] = [f"{label} (2)" for label in columns["emotion"].to_pylist()]
        return columns

    monkeypatch.setitem(migrations.STEPS, newest, step)
    with pytest.raises(OlderError, match="older emo"):
        store.partitions("vectors")[0].read(["layer"])
    with pytest.raises(StoreError, match="older emo"):
        Catalog(store).rows("select * from vectors")
    faults = verify(store)
    assert {fault.check for fault in faults} == {"older"}
    with monkeypatch.context() as patched:
        patched.setattr(Partition, "commit", dying_at_call(4, Partition.commit))
        with pytest.raises(KeyboardInterrupt):
            repair(store, faults)
    assert len([fault for fault in verify(store) if fault.check == "older"]) == len(faults) - 3
    repair(store, verify(store))
    assert verify(store) == [] and not migrations.is_unfinished(store)
    assert {row["emotion"] for row in Catalog(store).dicts("vectors")} == {"rage (2)", "thanks (2)"}


@pytest.mark.parametrize(("version", "layout"), [(1, "beside"), (2, "beside"), (2, "this")])
def test_a_store_of_an_earlier_version_is_migrated(store, monkeypatch, version, layout):
    """As that version wrote it, with its notes beside the data: of what it knew nothing, nothing is known afterwards."""
    added = {name: {*migrations.NEW_IN_3.get(name, ()), *migrations.SUBJECTS_IN_3} for name in schema.TABLES}
    if version == 1:
        added["extractions"] |= {*migrations.NEW_IN_2}
    # rows that say what no earlier version could
    of_a_new_kind = (*migrations.SUBJECTS_IN_3,)
    now = {
        name: [row for row in Catalog(store).dicts(name) if all(row.get(column) is None for column in of_a_new_kind)]
        for name in schema.TABLES
    }
    assert all(row["n_recomputed"] == 8 for row in now["extractions"])
    assert {row["null_kind"] for row in now["vector_quality"]} >= {"permuted", "gaussian"}
    held = [(partition, partition.manifest()) for table in schema.TABLES for partition in store.partitions(table)]
    with monkeypatch.context() as before:
        before.setattr(schema, "SCHEMA_VERSION", version)
        for partition, manifest in held:
            files = []
            for entry in manifest.files:
                rows = pq.ParquetFile(partition.path_of(entry)).read()
                versioned = {**rows.schema.metadata, b"emo.schema_version": str(version).encode()}
                for column in {*of_a_new_kind} & {*rows.column_names}:
                    rows = rows.filter(pc.is_null(rows[column]))
                rows = rows.drop_columns([name for name in rows.column_names if name in added[partition.table.name]])
                rows = rows.rename_columns(["direction" if name == "mapping" else name for name in rows.column_names])
                written = partition.write([rows.replace_schema_metadata(versioned)])
                files.append(dataclasses.replace(written, part=entry.part, cost=entry.cost, recipe=entry.recipe))
            partition.commit(files, manifest.inputs, reads=manifest.reads)
    if layout == "beside":
        as_before(store.root)
    with pytest.raises(OlderError, match="older emo"):
        store.partitions("extractions")[0].read(["layers"])
    repair(store, verify(store))
    assert {fault.check for fault in verify(store)} <= {"stale"}
    for name, rows in now.items():
        unknown = {column: None for column in schema.TABLES[name].column_names if column in added[name]}
        assert Catalog(store).dicts(name) == [row | unknown for row in rows]


def test_a_file_of_a_newer_schema_is_refused_when_it_is_read(store, monkeypatch):
    partition = store.partitions("vectors")[0]
    manifest = partition.manifest()
    newest = schema.SCHEMA_VERSION
    monkeypatch.setattr(schema, "SCHEMA_VERSION", newest + 1)
    rows = pq.ParquetFile(partition.paths()[0]).read()
    entry = partition.write([rows.replace_schema_metadata({"emo.table": "vectors", "emo.schema_version": str(newest + 1)})])
    monkeypatch.setattr(schema, "SCHEMA_VERSION", newest)
    partition.commit([entry], manifest.inputs)
    with pytest.raises(StoreError, match=rf"newer emo \(schema {newest + 1}"):
        partition.read(["layer"])


def test_two_extractions_at_once_into_a_new_store(workplace, tmp_path):
    from command import arguments, environment

    words = (
        "extract",
        "-d",
        "heldout",
        "--layer",
        "0",
        "--truncate",
        "--max-length",
        "8",
        "--store",
        tmp_path / "new",
        "--cache",
        workplace.cache,
    )
    running = [
        subprocess.Popen(arguments(*words, "-m", model), env=environment(), stderr=subprocess.PIPE, text=True)
        for model in workplace.models[:2]
    ]
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert verify(Store(tmp_path / "new")) == []
    assert {row["model"] for row in Catalog(Store(tmp_path / "new")).dicts("extractions")} == {"tiny-gpt2", "tiny-neox"}
