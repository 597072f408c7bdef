"""Which prompt sets a run takes."""

from emotion_cli.job.datasets import datasets_of_a_run, ensure_imported
from warehouse.store import Store


def test_a_run_that_names_no_set_takes_those_of_the_main_job_and_those_in_the_store(tmp_path):
    store = Store(tmp_path)
    assert datasets_of_a_run(store) == ["baseline", "extended", "heldout"]
    ensure_imported(store, "implicit")
    assert datasets_of_a_run(store) == ["baseline", "extended", "heldout", "implicit"]
