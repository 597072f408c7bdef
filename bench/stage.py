"""`python -m bench.stage STORE STAGE METHOD`: the tasks of one stage, in this process."""

import sys
from pathlib import Path


def main() -> None:
    from emotion_cli import pipeline
    from emotion_cli.job.extractions import extractions_in_store
    from emotion_cli.job.job import Job
    from emotion_cli.settings import Settings
    from warehouse.store import Store

    root, stage, method = Path(sys.argv[1]), *sys.argv[2:]
    store = Store(root)
    settings = Settings(store=root, method=method, sources={"method": "--method"})
    job = Job(store, settings, extractions_in_store(store, settings))
    for chosen in pipeline.stages(stage, stage):
        for task in chosen.tasks(job):
            if task.reason:
                task.run(job)


if __name__ == "__main__":
    main()
