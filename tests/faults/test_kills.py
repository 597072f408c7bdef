"""SIGKILL in the middle of real runs: what is committed stays, the rest goes on, the bytes are the same, `verify` is clean."""

import json
import os
import subprocess
import sys
from pathlib import Path

from command import environment

HERE = Path(__file__).parent


def killed(script, *words):
    """What a script says of its kills."""
    paths = os.pathsep.join([str(HERE.parent / "helpers"), str(HERE.parents[1])])
    command = [sys.executable, str(HERE / script), *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(PYTHONPATH=paths, OMP_NUM_THREADS="1"), check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    print({name: value for name, value in result.items() if name != "wrong"})
    assert not result["wrong"], "\n".join(result["wrong"])
    return result


def test_an_extraction_survives_kills_at_random_moments(tmp_path, request):
    kills = request.config.getoption("--kills")
    assert killed("kill_extraction.py", tmp_path, kills, 0)["kills"] >= kills


def test_a_store_with_results_survives_kills_of_other_draws_and_of_a_second_variant(tmp_path, request):
    kills = max(10, request.config.getoption("--kills") // 4)
    result = killed("kill_rerun.py", tmp_path, kills)
    assert result["kills"] == 2 * kills
    for rerun in ("other draws", "second variant"):
        assert result["moments"].get(f"{rerun}, between two commits"), result["moments"]
