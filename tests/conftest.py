import os
from pathlib import Path

import pytest

from emotion_cli.settings import Settings

# the models are tiny, and each core runs a worker: more threads only wait for one another
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def cache() -> Path:
    """The cache of converted models that `make run` uses, so that a conversion happens once a machine."""
    from emotion_cli.settings import resolve

    return resolve({}, folder=Path("/")).cache


@pytest.fixture
def settings() -> Settings:
    return Settings()
