"""A report over any table reads the table's own partitions: those of the job's extractions, and no others."""

import shutil

import pytest
from command import emo_ok

from emotion_cli import pipeline
from emotion_cli.job.comparisons import consensus_groups, consensus_partition
from emotion_cli.job.listener import Silence
from emotion_cli.job.outputs import fingerprints, partitions, rows
from emotion_cli.job.variants import shown_variant
from emotion_cli.settings import Settings
from warehouse.catalog import Catalog
from warehouse.library import queries
from warehouse.schema import TABLES, About
from warehouse.store import Store, content_hash


@pytest.fixture(scope="module")
def job(workplace):
    settings = Settings(store=workplace.store, reference="calm", neutral="calm", model=("tiny-gpt2", "tiny-neox"))
    return pipeline.job_in_store(Store(workplace.store), settings, Silence())


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_from_its_own_partitions(job, name):
    found = partitions(job, [name])
    ids = {extraction.extraction_id for extraction in job.with_activations}
    stored = {one.place for one in job.store.partitions(name)}
    expected = {
        About.dataset: lambda one: one.keys["dataset"] == "mine",
        About.model: lambda one: one.keys["model"] in ("tiny-gpt2", "tiny-neox"),
    }.get(TABLES[name].about, lambda one: set(one.extractions()) <= ids)
    assert {one.table.name for one in found.values()} <= {name}
    assert {one.place for one in found.values()} & stored == {one.place for one in job.store.partitions(name) if expected(one)}
    variant = shown_variant(job, job.with_activations)
    for key, value in fingerprints(found, variant).items():
        manifest = found[key].manifest()
        files = manifest.files if manifest else ()
        if "method" in TABLES[name].column_names:
            files = [entry for entry in files if entry.part.split(":")[-1] == "mean_difference/calm/last"]
        assert value == (content_hash(sorted(entry.sha256 for entry in files)) if files else None)


@pytest.mark.parametrize("name", [*TABLES, *queries()])
def test_rows_are_of_the_jobs_own_extractions(job, name):
    variant = shown_variant(job, job.with_activations)
    ids = {extraction.extraction_id for extraction in job.with_activations}
    for row in rows(job, variant, [name])[name]:
        assert {row[key] for key in ("extraction_id", "extraction_a", "extraction_b") if row.get(key)} <= ids
        assert row.get("model") in (None, "tiny-gpt2", "tiny-neox")
    # of three models there is a consensus, of these two there is none
    if "consensus_id" in Catalog(job.store).rows(f'select * from "{name}" limit 0').column_names:
        assert rows(job, variant, [name])[name] == []


def test_rows_are_of_the_dataset_although_another_holds_the_same_texts(workplace, tmp_path):
    place = Store(shutil.copytree(workplace.store, tmp_path / "store"))
    emo_ok("datasets", "import", workplace.prompts, "--dataset", "twin", "--store", place.root)
    settings = Settings(store=place.root, reference="calm", neutral="calm", dataset=("mine",))
    job = pipeline.job_in_store(place, settings, Silence())
    assert len({row["prompts_sha256"] for row in Catalog(place).dicts("prompts")}) == 1
    found = rows(job, shown_variant(job, job.with_activations), ["prompt_counts_by_emotion"])["prompt_counts_by_emotion"]
    assert {row["dataset"] for row in found} == {"mine"}


def test_a_group_knows_its_extractions(workplace):
    settings = Settings(store=workplace.store, reference="calm", neutral="calm")
    job = pipeline.job_in_store(Store(workplace.store), settings, Silence())
    (members,) = consensus_groups(job)
    ids = tuple(sorted(extraction.extraction_id for extraction in members))
    assert consensus_partition(job, members).extractions() == ids and len(ids) == 3
    found = partitions(job, ["consensus_by_emotion"])
    assert next(iter(found.values())).place == consensus_partition(job, members).place
    assert rows(job, shown_variant(job, job.with_activations), ["consensus_statistics"])["consensus_statistics"]
