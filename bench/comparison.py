"""All statistics of two models at 1,000 draws: on the real models, and how they grow with topics, width and layers."""

import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.measuring import table
from bench.scaling import _emo
from warehouse.machine import cores

NAME = "Comparison of models"
SETS = ("baseline", "extended")
DRAWS = 1000
GROWTH_DRAWS = 200
BASE = {"topics": 50, "width": 256, "layers": 4}
GROWTH = {"topics": (50, 100, 200), "width": (256, 1024, 4096), "layers": (4, 8, 16)}
LABELS = ("anger", "apology", "gratitude", "neutral")


def run(options: Namespace) -> str:
    real = _real(options.model, options.set or SETS)
    steps = [{**BASE, dimension: size} for dimension, sizes in GROWTH.items() for size in sizes]
    growth = [_grown(**step) for i, step in enumerate(steps) if step not in steps[:i]]
    return f"""## {NAME}

`emo compare` of {" and ".join(options.model)}, {DRAWS} draws, pooling last, mean_difference against neutral: what is
between models only. `matched`: both models' ceilings, then CKA, RSA and all aligned measures at the layers of equal relative
depth. `layer x layer`: CKA and RSA of all other pairs of layers, and the best matching depths. On {cores()} cores.

{table(real)}
The same measures of random activations of two models, four labels, {GROWTH_DRAWS} draws; processor seconds of {BASE}, one thing
changed. `aligned` is of as many pairs of layers as a model has layers, `CKA` and `RSA` are of every layer with every layer:

{table(growth)}"""


def _real(models: list[str], sets: tuple[str, ...]) -> list[dict]:
    from emotion_cli.job.extractions import extractions_in_store
    from emotion_cli.job.job import Job
    from emotion_cli.settings import Settings
    from emotion_cli.stages import cross_model
    from warehouse.store import Store

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        chosen = [word for option, names in (("-m", models), ("-d", sets)) for name in names for word in (option, name)]
        for stage in ("extract", "vectors"):
            _emo(stage, *chosen, "--store", str(store.root))
        matched = Settings(store=store.root, pooling=("last",), draws=DRAWS)
        # what is there already is not made again: the second round makes the rest of the layer pairs only
        for mode, settings in (("matched", matched), ("layer x layer", replace(matched, all_layers=True))):
            job = Job(store, settings, extractions_in_store(store, settings))
            for name in sets:
                tasks = [task for task in cross_model.tasks(job) if task.subject.startswith(f"{name},") and task.reason]
                wall, cpu = time.perf_counter(), time.process_time()
                for task in tasks:
                    task.run(job)
                rows.append(
                    {
                        "what": mode,
                        "set": name,
                        "seconds": f"{time.perf_counter() - wall:.1f}",
                        "processor s": f"{time.process_time() - cpu:.1f}",
                    }
                )
                print(rows[-1], flush=True)
    return rows


def _grown(*, topics: int, width: int, layers: int) -> dict:
    from emotion_cli.measures.between.alignment import aligned
    from emotion_cli.measures.between.geometry import MEASURES, Matrices, correlations_of, geometries
    from emotion_cli.measures.between.space import space_of
    from emotion_cli.measures.inference.relabelling import design_of, kept_without_groups
    from emotion_cli.measures.inference.resampling import units_of
    from emotion_cli.measures.inference.sampling import Sampling
    from emotion_cli.measures.labels import Labels

    rng = np.random.default_rng(0)
    names = [f"topic {i // len(LABELS)}" for i in range(topics * len(LABELS))]
    models = [[rng.normal(size=(len(names), width)) for _ in range(layers)] for _ in range(2)]
    sampling = Sampling(0, GROWTH_DRAWS, ("x",))
    groups = kept_without_groups(units_of(names), sampling)
    everything = [(i, j) for i in range(layers) for j in range(layers)]
    seconds = [time.process_time()]
    grams = [[space_of(rows @ rows.T) for rows in model] for model in models]
    seconds.append(time.process_time())
    design = design_of(Labels(LABELS * topics, names, LABELS[:3], "neutral"))
    aligned(list(zip(*grams, strict=True)), design, sampling, neutral="neutral", each=_one_by_one)
    seconds.append(time.process_time())
    for measure in MEASURES:
        a, b = (
            {i: Matrices(space.gram, correlations_of(rows)) for i, (space, rows) in enumerate(zip(spaces, model, strict=True))}
            for spaces, model in zip(grams, models, strict=True)
        )
        geometries(measure, a, b, everything, groups, sampling.fewer(), _one_by_one)
        seconds.append(time.process_time())
    parts = zip(("inner products", "aligned", "CKA", "RSA"), np.diff(seconds), strict=True)
    row = {"topics": topics, "width": width, "layers": layers, **{f"{name} s": f"{spent:.2f}" for name, spent in parts}}
    print(row, flush=True)
    return row


def _one_by_one(work: Callable[[int], None], numbers: Iterable[int]) -> None:
    for number in numbers:
        work(number)
