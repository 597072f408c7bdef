"""All statistics within models at 1,000 draws: on the real models, and how they grow with layers, width and topics."""

import resource
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import numpy as np

from bench.measuring import table
from bench.scaling import _emo

NAME = "Statistics within models"
SETS = ("baseline", "extended")
DRAWS = 1000
BASE = {"layers": 8, "width": 256, "topics": 50}
GROWTH = {"layers": (8, 16, 32), "width": (256, 1024, 4096), "topics": (50, 100, 200)}
LABELS = ("anger", "apology", "gratitude", "neutral")


def run(options: Namespace) -> str:
    rows = _real(options.model, options.set or SETS)
    growth = [_grown(**{**BASE, dimension: size}) for dimension, sizes in GROWTH.items() for size in sizes]
    return f"""## {NAME}

Directions, their quality (with the test set) and comparisons of {", ".join(SETS)} under both models, {DRAWS} draws, pooling last,
mean_difference, all layers. Peak memory is of the whole process, in the order of the rows.

{table(rows)}
The same statistics of random activations, four labels, one reference; processor seconds of loops over {BASE}, one thing changed:

{table(growth)}"""


def _real(models: list[str], sets: tuple[str, ...]) -> list[dict]:
    from emotion_cli.job.extractions import extractions_in_store
    from emotion_cli.job.job import Job
    from emotion_cli.settings import Settings
    from emotion_cli.stages import quality, vectors, within_model
    from warehouse.store import Store

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        chosen = [
            word for option, names in (("-m", models), ("-d", (*sets, "heldout"))) for name in names for word in (option, name)
        ]
        _emo("extract", *chosen, "--store", str(store.root))
        for reference in ("neutral", "others"):
            settings = Settings(store=store.root, pooling=("last",), reference=reference, draws=DRAWS)
            job = Job(store, settings, extractions_in_store(store, settings))
            wall, cpu = time.perf_counter(), time.process_time()
            for stage in (vectors, quality, within_model):
                for task in stage.tasks(job):
                    if task.reason:
                        task.run(job)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            rows.append(
                {
                    "reference": reference,
                    "seconds": f"{time.perf_counter() - wall:.1f}",
                    "processor s": f"{time.process_time() - cpu:.1f}",
                    "peak MB": f"{peak / 2**10:.0f}",
                }
            )
            print(rows[-1], flush=True)
    return rows


def _grown(*, layers: int, width: int, topics: int) -> dict:
    from emotion_cli.measures.gram import gram
    from emotion_cli.measures.inference.sampling import Sampling
    from emotion_cli.measures.labels import Labels
    from emotion_cli.measures.within.likeness import comparisons
    from emotion_cli.measures.within.quality import Material, qualities

    rng = np.random.default_rng(0)
    labels = [label for _ in range(topics) for label in LABELS]
    names = [f"topic {i // len(LABELS)}" for i in range(len(labels))]
    rows = [rng.normal(size=(len(labels), width)) for _ in range(layers)]
    gaussian = rng.normal(size=(width, DRAWS))
    made_of, sampling = Labels(labels, names, LABELS[:3], "neutral"), Sampling(0, DRAWS, ("x",))
    seconds = []
    started = time.process_time()
    grams = {i: gram(vectors, None, gaussian) for i, vectors in enumerate(rows)}
    for step in (
        lambda: None,
        lambda: qualities(Material(grams, made_of, sampling, range(layers))),
        lambda: comparisons(grams, made_of, sampling, range(layers)),
    ):
        step()
        seconds.append(time.process_time() - started)
        started = time.process_time()
    row = {
        "layers": layers,
        "width": width,
        "topics": topics,
        "inner products s": f"{seconds[0]:.2f}",
        "quality s": f"{seconds[1]:.2f}",
        "comparisons s": f"{seconds[2]:.2f}",
    }
    print(row, flush=True)
    return row
