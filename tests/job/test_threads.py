"""Work in threads: every number once, and the listener hears how far it is."""

from contextlib import contextmanager
from types import SimpleNamespace

from emotion_cli.job.listener import Silence
from emotion_cli.job.threads import in_threads


class Memory(Silence):
    def __init__(self):
        self.heard = []

    @contextmanager
    def progress(self, what, **totals):
        amounts = []
        yield amounts.append
        self.heard.append((what, totals, sum(amounts)))


def test_every_call_is_work_of_its_own():
    listener, done = Memory(), []
    each = in_threads(SimpleNamespace(listener=listener), "ceilings", 2)
    each(done.append, range(5))
    each(done.append, [7])
    assert sorted(done) == [0, 1, 2, 3, 4, 7]
    assert listener.heard == [("ceilings, 1 of 2", {"parts": 5}, 5), ("ceilings, 2 of 2", {"parts": 1}, 1)]
