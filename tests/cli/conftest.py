"""A store filled by the real command line: two tiny models of equal width, one of another, and a small dataset."""

import pytest
import tiny
from command import emo_ok
from workplaces import Workplace, run_options, write_prompts


@pytest.fixture(scope="session")
def workplace(tmp_path_factory) -> Workplace:
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
