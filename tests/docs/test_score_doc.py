"""What docs/score.md shows of the terminal is what the embedded model gives."""

import re
import shlex
from pathlib import Path

import pytest
from command import emo_ok

PAGE = (Path(__file__).parents[2] / "docs" / "score.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d\.\d{3}")


@pytest.mark.slow
def test_the_example_is_what_the_model_gives(tmp_path, cache):
    command, shown = re.search(r"```console\n\$ (emo score .*?)\n(.*?)```", PAGE, re.DOTALL).groups()
    options = ["--store", tmp_path / "store", "--cache", cache]
    emo_ok("extract", "-d", "extended", "-m", "smollm2-135m", *options)
    emo_ok(
        "vectors", "--best", "-d", "extended", "-m", "smollm2-135m", "--method", "mean_difference", "--store", tmp_path / "store"
    )
    found = emo_ok(*shlex.split(command)[1:], *options).out
    assert NUMBER.sub("#", found) == NUMBER.sub("#", shown)
    # another processor rounds otherwise: a count of tokens may move
    assert list(map(float, NUMBER.findall(found))) == pytest.approx(list(map(float, NUMBER.findall(shown))), abs=0.003)
