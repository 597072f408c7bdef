"""What the machine gives to this process."""

import os


def cores() -> int:
    """Processor cores that this process may use: a batch system often gives it fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
