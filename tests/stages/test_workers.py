"""Statistics in processes of their own: the same files as in one process, and no process that stays behind, however it ends."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from command import arguments, environment, hear_ctrl_c

from warehouse.store import Store
from warehouse.verify import verify

PREPARED = (
    "import os, signal, emotion_cli.workers as w; from multiprocessing import active_children; "
    "w.WORTH, w.cores, complete = {worth}, lambda: 2, w.as_completed; "
    "w.as_completed = lambda waiting: ({then}, complete(waiting))[1]; "
    "from emotion_cli.cli.app import main; main()"
)
"""A command whose tasks are worth processes, and that does something as soon as they have their work."""

ALWAYS, NEVER = 0, 10**12
QUALITY = ("vectors", "--best", "--force", "--reference", "calm", "--neutral", "calm")


@pytest.fixture
def store(workplace, tmp_path):
    return Store(shutil.copytree(workplace.store, tmp_path / "store"))


def run(store, *, worth=ALWAYS, then="None"):
    """`emo vectors --best --force` in a process group of its own: exit code, stderr, and the number of that group."""
    command = arguments(*QUALITY, "--store", store.root)
    command[2] = PREPARED.format(worth=worth, then=then)
    process = subprocess.Popen(
        command,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    # workers hold the pipes, too: this returns when the last of them has ended
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors, process.pid


def alive(group):
    """Processes of a group that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            found.append(int(path.parent.name))
    return found


def wait_for_end(group):
    """All of a group end by themselves: what has nothing to do any more ends when it sees that its parent did."""
    for _ in range(600):
        if not alive(group):
            return
        time.sleep(0.05)
    pytest.fail(f"still running: {alive(group)}")


def contents(store):
    return {path.relative_to(store.root): path.read_bytes() for path in (store.root / "vector_quality").rglob("*.parquet")}


def test_processes_write_the_same_files_as_one(store, tmp_path):
    other = Store(shutil.copytree(store.root, tmp_path / "other"))
    apart, together = (
        run(store, then="print(len(active_children()), 'workers', file=__import__('sys').stderr)"),
        run(other, worth=NEVER),
    )
    assert (apart[0], together[0]) == (0, 0), (apart[1], together[1])
    assert "2 workers" in apart[1]
    assert contents(store) == contents(other) and len(contents(store)) > 3
    # what is said of each task is said once, whoever did it
    said = [
        sorted(line for line in errors.splitlines() if line.startswith("quality: mine")) for _, errors, _ in (apart, together)
    ]
    assert said[0] == said[1] and len(said[0]) == 3


def test_an_error_in_a_worker_is_the_error_of_the_command(store):
    file = next((store.root / "activations" / "dataset=mine" / "model=tiny-neox").rglob("part-*.parquet"))
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[: size // 2])
    codes = {}
    for worth in (ALWAYS, NEVER):
        codes[worth], errors, group = run(store, worth=worth)
        assert "model=tiny-neox" in errors and "next: " in errors and "Traceback" not in errors
        wait_for_end(group)
    assert codes[ALWAYS] == codes[NEVER] != 0


def test_a_worker_that_is_killed_is_said_and_the_command_can_go_on(store):
    code, errors, group = run(store, then="os.kill(active_children()[0].pid, signal.SIGKILL)")
    assert code == 1
    assert "was killed" in errors and "next: " in errors and "Traceback" not in errors
    wait_for_end(group)
    assert verify(store) == []
    assert run(store)[0] == 0


def test_ctrl_c_ends_every_process_without_a_word_of_theirs(store):
    # as a terminal sends it: to all processes, those that only begin, too
    code, errors, group = run(store, then="os.killpg(0, signal.SIGINT)")
    assert code == 130
    assert "interrupted" in errors and "Traceback" not in errors
    wait_for_end(group)
    assert verify(store) == []


def test_workers_end_with_a_command_that_is_killed(store):
    code, _, group = run(store, then="os.kill(os.getpid(), signal.SIGKILL)")
    assert code == -9
    wait_for_end(group)
    assert run(store)[0] == 0 and verify(store) == []
