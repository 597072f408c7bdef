from pathlib import Path

import pytest

from emotion_cli.settings import Settings


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=20, help="SIGKILLs of an extraction (make faults: 200)")
    parser.addoption("--mutations", type=int, default=300, help="mutated input files of a fuzz run (make faults: 10,000)")


@pytest.fixture(scope="session")
def cache() -> Path:
    """The cache of converted models that `make run` uses, so that a conversion happens once a machine."""
    from emotion_cli.settings import resolve

    return resolve({}, folder=Path("/")).cache


@pytest.fixture
def settings() -> Settings:
    return Settings()
