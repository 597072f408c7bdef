"""`python -m bench [SUBJECT ...]`: measure, and write the sections of bench/RESULTS.md.

A subject is a module with `NAME` and `run(options) -> str` (Markdown, nothing where this machine cannot measure it). Sections of
subjects that are not run stay as they are.
"""

import argparse
import os
import platform
import re
from importlib import import_module
from pathlib import Path

from warehouse.machine import cores

SUBJECTS = (
    *(
        "extraction",
        "packages",
        "scaling",
        "formats",
        "start",
        "statistics",
        "growth",
        "many_labels",
        "comparison",
        "patching",
        "store",
        "job",
    ),
    "gpu",
)
RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("subjects", nargs="*", help=f"what to measure: {', '.join(SUBJECTS)}; all if not given")
    parser.add_argument("--model", action="append", help="models; the embedded ones if not given")
    parser.add_argument("--set", action="append", help="prompt sets; all if not given")
    parser.add_argument("--runs", type=int, default=5, help="runs of each recipe, interleaved; the median counts (5)")
    parser.add_argument("--threads", type=int, default=cores(), help="threads of every recipe (all cores)")
    options = parser.parse_args()
    unknown = sorted(set(options.subjects) - set(SUBJECTS))
    if unknown:
        parser.error(f"{unknown[0]} is not one of {', '.join(SUBJECTS)}")
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ["HF_HUB_OFFLINE"] = "1"
    options.model = options.model or ["smollm2-135m", "gemma3-270m"]
    for name in options.subjects or SUBJECTS:
        text = import_module(f"bench.{name}").run(options)
        if not text:
            continue
        how = f"python -m bench {name} --runs {options.runs} --threads {options.threads}"
        _write(name, f"{text.rstrip()}\n\nMeasured with `{how}` on {_machine()}.\n")


def _write(name: str, text: str) -> None:
    """Replace one section between its marks, or add it in the order of the subjects."""
    previous = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
    sections = dict(re.findall(r"<!-- (\w+) -->\n(.*?)(?=<!-- \w+ -->\n|\Z)", previous, flags=re.DOTALL))
    sections[name] = text
    known = [subject for subject in SUBJECTS if subject in sections]
    body = "\n\n".join(f"<!-- {subject} -->\n{sections[subject].rstrip()}" for subject in known)
    RESULTS.write_text(
        f"# Benchmark results\n\nWritten by `make bench` and `make bench-gpu`; do not edit.\n\n{body}\n",
        encoding="utf-8",
    )


def _machine() -> str:
    import torch

    fields = dict(line.split("\t", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines() if "\t" in line)
    known = {name.strip(): value.strip(": \t") for name, value in fields.items()}
    processor = known.get("model name", platform.processor())
    family = f" (family {known['cpu family']}, model {known['model']})" if "cpu family" in known else ""
    return f"{processor}{family}, {cores()} cores, torch {torch.__version__}"


if __name__ == "__main__":
    main()
