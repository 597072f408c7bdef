"""SIGKILL at random moments of a real extraction: what is committed stays, the rest goes on, the bytes are the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

from command import environment

HERE = Path(__file__).parent


def test_an_extraction_survives_kills_at_random_moments(tmp_path, request):
    kills = request.config.getoption("--kills")
    paths = os.pathsep.join([str(HERE.parent / "helpers"), str(HERE.parents[1])])
    command = [sys.executable, str(HERE / "kill_extraction.py"), str(tmp_path), str(kills), "0"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(PYTHONPATH=paths, OMP_NUM_THREADS="1"), check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    print({name: value for name, value in result.items() if name != "wrong"})
    assert result["kills"] >= kills
    assert not result["wrong"], "\n".join(result["wrong"])
