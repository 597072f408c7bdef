"""What machines do to a store: each fault is a clear error with exit 1 or 3, and the rest of the store stays usable."""

import os
import resource
import shutil
import subprocess
import sys

import pytest
from command import Ran, emo, emo_ok, environment
from workplaces import run_options

from warehouse.store import Store
from warehouse.verify import verify

ERRORS = (1, 3)


@pytest.fixture
def store(workplace, tmp_path):
    """On a path with a space and letters that are not ASCII; all tests here go through it."""
    shutil.copytree(workplace.store, tmp_path / "größe und maß")
    return Store(tmp_path / "größe und maß")


def refused(ran, *words):
    assert ran.code in ERRORS, ran
    assert "Traceback" not in ran.err and "bug report" not in ran.err, ran.err
    assert any(line.startswith("error: ") for line in ran.err.splitlines())
    for word in words:
        assert word in ran.plain or word in ran.err, ran.err


def usable(store, model):
    ran = emo_ok("sql", "vector_norms_by_layer", "-m", model, "--store", store.root, "--format", "csv")
    assert len(ran.out.splitlines()) > 4
    emo_ok("sql", "select count(*) from prompts", "--store", store.root)


def first(store, table, model="tiny-gpt2"):
    return store.partitions(table, model=model)[0]


def truncated(store):
    path = first(store, "vectors").paths()[0]
    path.write_bytes(path.read_bytes()[:-9])


def no_parquet(store):
    path = first(store, "vectors").paths()[0]
    path.write_bytes(b"x" * path.stat().st_size)


def deleted(store):
    first(store, "vectors").paths()[0].unlink()


def damaged_manifest(store):
    (first(store, "vectors").control / "_manifest.json").write_text("{")


def folder_for_a_file(store):
    path = first(store, "vectors").control / "_manifest.json"
    path.unlink()
    path.mkdir()


def link_out_of_the_store(store):
    path = first(store, "vectors").paths()[0]
    path.rename(store.root.parent / "other.parquet")
    path.symlink_to(store.root.parent / "other.parquet")


@pytest.mark.parametrize("damage", [truncated, no_parquet, deleted, damaged_manifest, folder_for_a_file, link_out_of_the_store])
def test_a_damaged_part_is_named_and_the_rest_is_usable(store, damage):
    damage(store)
    for words in (["sql", "select * from vectors"], ["sql", "vector_norms_by_layer", "-m", "tiny-gpt2"]):
        refused(emo(*words, "--store", store.root), "model=tiny-gpt2", "emo verify --repair")
    usable(store, "tiny-neox")
    assert emo("verify", "--store", store.root).code == 4
    emo("verify", "--repair", "--store", store.root)
    assert not {fault.check for fault in verify(store)} - {"stale"}


def test_a_wrong_hash_is_found_by_verify(store):
    path = first(store, "vectors").control / "_manifest.json"
    path.write_text(path.read_text().replace(first(store, "vectors").manifest().files[0].sha256, "0" * 64))
    ran = emo("verify", "--store", store.root, "--format", "csv")
    assert ran.code == 4 and "checksum" in ran.out and "model=tiny-gpt2" in ran.out


def vectors_again(store, *, limit=None, **changes):
    """`emo vectors --force` as a process of its own, with files no longer than `limit` bytes."""

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    words = ["vectors", "--reference", "calm", "--neutral", "calm", "--over-layers", "resid_pre", "--store", str(store.root)]
    done = subprocess.run(
        [sys.executable, "-c", "from emotion_cli.cli.app import main; main()", *words],
        capture_output=True,
        text=True,
        env=environment(**changes),
        check=False,
        preexec_fn=limited if limit else None,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_limit_on_file_sizes(store):
    refused(vectors_again(store, limit=3000), "File too large", str(store.root))
    assert not list(store.root.rglob(".tmp-*"))
    assert verify(store) == []
    assert vectors_again(store).code == 0
    usable(store, "tiny-gpt2")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk(store, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        small = Store(shutil.copytree(store.root, disk / "store", ignore=shutil.ignore_patterns("figures")))
        fill = disk / "fill"
        with fill.open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        refused(vectors_again(small), "No space left on device", "free some space")
        usable(small, "tiny-gpt2")
        fill.unlink()
        assert not list(small.root.rglob(".tmp-*"))
        assert vectors_again(small).code == 0
        usable(small, "tiny-gpt2")
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting read-only needs root")
def test_a_read_only_folder(store):
    if subprocess.run(["mount", "--bind", store.root, store.root], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", store.root], check=True)
        refused(vectors_again(store), "Read-only file system", "--store DIR")
        usable(store, "tiny-gpt2")
        emo_ok("tables", "--store", store.root)
        emo_ok("verify", "--store", store.root)
    finally:
        subprocess.run(["umount", store.root], check=True)


@pytest.mark.parametrize("place", ["store", "table", "partition"])
def test_a_file_where_a_folder_should_be(workplace, store, place):
    folder = {"store": store.root, "table": store.root / "vectors", "partition": first(store, "vectors").folder}[place]
    shutil.rmtree(folder)
    folder.write_text("a file")
    ran = emo("vectors", "--reference", "calm", "--neutral", "calm", "--store", store.root)
    refused(ran, str(folder))
    if place != "store":
        emo_ok("sql", "select count(*) from activations", "--store", store.root)


def test_a_whole_run_on_a_path_with_spaces_and_other_letters(workplace, store):
    assert "0 tasks done" in emo_ok("run", *run_options(workplace._replace(store=store.root))).err
    assert emo_ok("verify", "--store", store.root, "--format", "json").out == "[]\n"
