import os
from pathlib import Path

import hypothesis
import pytest
from command import emo_ok
from workplaces import Workplace, run_options, write_prompts

from emotion_cli.settings import Settings

# the models are tiny, and each core runs a worker: more threads only wait for one another
os.environ.setdefault("OMP_NUM_THREADS", "1")

# a slow machine is no fault
hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("any machine")


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=20, help="SIGKILLs of an extraction (make faults: 200)")
    parser.addoption("--mutations", type=int, default=300, help="mutated input files of a fuzz run (make faults: 10,000)")
    parser.addoption("--model-mutations", type=int, default=300, help="mutated model folders (make faults: 3,000)")


@pytest.fixture(scope="session")
def cache() -> Path:
    """The cache of converted models that `make run` uses, so that a conversion happens once a machine."""
    from emotion_cli.settings import resolve

    return resolve({}, folder=Path("/")).cache


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture(scope="session")
def workplace(tmp_path_factory) -> Workplace:
    """A store filled by the real command line: two tiny models of equal width, one of another, and a small dataset."""
    import tiny

    root = tmp_path_factory.mktemp("workplace")
    models = [
        tiny.save_model(root / "tiny-gpt2", "gpt2"),
        tiny.save_model(root / "tiny-neox", "gpt_neox"),
        tiny.save_model(root / "tiny-wide", "llama", hidden_size=64, num_hidden_layers=2),
    ]
    place = Workplace(root / "store", models, root / "cache", write_prompts(root / "mine.jsonl"))
    emo_ok("datasets", "import", place.prompts, "--dataset", "mine", "--store", place.store)
    emo_ok("run", *run_options(place))
    return place
