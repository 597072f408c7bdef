from pathlib import Path

import pytest

from emotion_cli.settings import Settings


@pytest.fixture(scope="session")
def cache() -> Path:
    """The cache of converted models that `make run` uses, so that a conversion happens once a machine."""
    from emotion_cli.settings import resolve

    return resolve({}, folder=Path("/")).cache


@pytest.fixture
def settings() -> Settings:
    return Settings()
