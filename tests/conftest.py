import os
import shutil
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock
from workplaces import Workplace, build_workplace, workplace_at

from emotion_cli.settings import Settings

# the models are tiny, and each core runs a worker: more threads only wait for one another
os.environ.setdefault("OMP_NUM_THREADS", "1")

# a slow machine is no fault
hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("any machine")


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=20, help="SIGKILLs of an extraction (make faults: 200)")
    parser.addoption("--mutations", type=int, default=300, help="mutated input files of a fuzz run (make faults: 10,000)")
    parser.addoption("--write-golden", action="store_true", help="write the report's kept bytes anew, to be read before a commit")
    parser.addoption("--model-mutations", type=int, default=300, help="mutated model folders (make faults: 3,000)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    # without this option, pytest-mpl draws and compares nothing
    if hasattr(config.option, "mpl"):
        config.option.mpl = True


@pytest.fixture(scope="session")
def cache() -> Path:
    """The cache of converted models that `make run` uses, so that a conversion happens once a machine."""
    from emotion_cli.settings import resolve

    return resolve({}, folder=Path("/")).cache


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory, worker_id) -> Workplace:
    """A store filled by the real command line, for reading: two tiny models of equal width, one of another, a small dataset.

    The first worker that needs it builds it; the others wait, and each reads a copy of the store.
    """
    if worker_id == "master":
        return build_workplace(tmp_path_factory.mktemp("workplace"))
    shared = tmp_path_factory.getbasetemp().parent / "workplace"
    with FileLock(f"{shared}.lock"):
        if not (shared / "built").exists():
            shared.mkdir()
            build_workplace(shared)
            (shared / "built").touch()
    place = workplace_at(shared)
    return place._replace(store=shutil.copytree(place.store, tmp_path_factory.mktemp("workplace") / "store"))
