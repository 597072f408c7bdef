"""Where the numbers come from: dates, commands, versions, fingerprints, the MLflow run and the files of the figures."""

import json
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from emotion_cli.reporting.report.blocks import Block, Code, Heading, Items, Listing, Paragraph
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.pictures import PLACED, figure
from emotion_cli.reporting.report.tables import Layout, text

READS = ("extractions",)

FINGERPRINT = 12
"""Characters of a hash that are shown."""

EXTRACTIONS = Layout(
    "extractions",
    "extractions",
    (
        text("dataset"),
        text("model"),
        text("extraction", "extraction_id"),
        text("dtype"),
        text("bos"),
        text("prompts_hash", "prompts_hash"),
        text("weights_hash", "weights_hash"),
    ),
)


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """When, with which commands and versions, from what, and where else the numbers and figures are."""
    yield Heading(words.heading("execution_date"))
    days = sorted({f"{row['created_at']:%Y-%m-%d}" for row in facts.of("extractions")})
    yield Paragraph(words.sentence("extracted_on", days=words.listed(dict.fromkeys((days[0], days[-1])))))
    yield Heading(words.heading("commands"))
    yield Listing(_commands(facts))
    yield Paragraph(words.sentence("commands_mean"))
    yield Heading(words.heading("versions"))
    yield Items([words.sentence("version", package=Code(name), version=version) for name, version in _versions(facts)])
    yield EXTRACTIONS.of([_hashed(row) for row in facts.of("extractions")], words)
    yield Heading(words.heading("mlflow"))
    yield from _tracking(facts, words)
    yield Heading(words.heading("visualizations"))
    yield from _visualizations(facts, words)


def _commands(facts: Facts) -> str:
    """The commands that make the same numbers and this page."""
    dataset, model, bos, dtype, max_length = (
        facts.distinct("extractions", name) for name in ("dataset", "model", "bos", "dtype", "max_length")
    )
    asked = [*_option("-d", dataset), *_option("-m", model)]
    read = [*_option("--bos", bos, "auto"), *_option("--dtype", dtype, "float32"), *_option("--max-length", max_length)]
    read += [f"--{name.replace('_', '-')}" for name in ("truncate", "chat_template") if any(facts.distinct("extractions", name))]
    made = [word for name, value in facts.variant.items() for word in _option(f"--{name}", [value])]
    made += _option("--neutral", [facts.settings["neutral"]], "neutral")
    made += _option("--over-layers", [facts.settings["over_layers"]], "resid_post")
    drawn = [*_option("--seed", [facts.settings["seed"]]), *_option("--draws", [facts.settings["draws"]])]
    lines = [
        ["emo", "extract", *asked, *_option("--pooling", [facts.variant["pooling"]]), *read],
        ["emo", "vectors", *made],
        ["emo", "compare", *made, *drawn],
        ["emo", "plot", *made],
        *([["emo", "track", *made]] if facts.tracked else []),
        ["emo", "report", *made],
    ]
    return "\n".join(shlex.join(line) for line in lines)


def _option(flag: str, values: Iterable[Any], usual: Any = None) -> list[str]:
    """The words of an option: once for each value, but for the usual one and none."""
    return [word for value in values if value not in (usual, None) for word in (flag, str(value))]


def _versions(facts: Facts) -> list[tuple[str, str]]:
    """Packages with their versions, all of them where extractions differ."""
    known: dict[str, list[str]] = {}
    for text_of_versions in facts.distinct("extractions", "versions"):
        for package, version in json.loads(text_of_versions or "{}").items():
            known.setdefault(package, []).append(version)
    return [(package, ", ".join(dict.fromkeys(versions))) for package, versions in sorted(known.items())]


def _hashed(row: Row) -> Row:
    prompts, weights = (row[name] and row[name][:FINGERPRINT] for name in ("prompts_sha256", "weights_sha256"))
    return {**row, "prompts_hash": prompts, "weights_hash": weights}


def _tracking(facts: Facts, words: Language) -> Iterable[Block]:
    run = facts.tracked
    if run is None:
        yield Paragraph(words.sentence("not_tracked"))
        return
    yield Paragraph(
        words.sentence(
            "tracked",
            **{name: Code(run[name]) for name in ("run_id", "experiment", "uri")},
            n_params=len(run["params"]),
            n_values=run["n_metrics"],
            n_metrics=sum(run["metrics"].values()),
            n_files=run["n_artifacts"],
        )
    )
    yield Items([words.sentence("parameter", name=Code(name), value=Code(value)) for name, value in run["params"].items()])
    yield Items([words.sentence("metrics", name=Code(f"{name}/..."), count=count) for name, count in run["metrics"].items()])


def _visualizations(facts: Facts, words: Language) -> Iterable[Block]:
    """How many figures there are, and those that no section shows."""
    if not facts.pictures:
        yield Paragraph(words.sentence("no_figures"))
        return
    yield Paragraph(words.sentence("figures_shown", total=len(facts.pictures)))
    yield Items([words.sentence("figures_in", folder=Code(folder), count=len(members)) for folder, members in _folders(facts)])
    yield from (figure(picture, words) for picture in facts.pictures if picture.kind not in PLACED)


def _folders(facts: Facts) -> Sequence[tuple[str, Sequence[Row]]]:
    rows = [{"folder": picture.path.rpartition("/")[0]} for picture in facts.pictures]
    return [(key["folder"], members) for key, members in grouped(rows, ("folder",))]
