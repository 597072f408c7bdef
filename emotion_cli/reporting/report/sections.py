"""The sections of the report: each is one function from facts to blocks, and one line in `SECTIONS`."""

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from emotion_cli.reporting.report.document import Block, Code, Heading, Items, Listing, Shown, grid, say
from emotion_cli.reporting.report.facts import Facts, grouped, listed
from emotion_cli.reporting.report.pairs import carried, pair_sentences
from emotion_cli.reporting.report.rules import (
    CONCLUSION,
    KEY_FINDINGS,
    NEXT_STEPS,
    NOTES,
    OBSERVATIONS,
    SHIFTS,
    items,
    reads,
    sentences,
)

BY_MODEL = "within_model_similarity_by_model"
BY_EMOTION = "cross_model_similarity_by_emotion"
SHIFT = "dataset_shift_by_layer"
NORMS = "vector_norms_by_layer"
ALIGNMENT = "cross_model_alignment_by_emotion"


@dataclass(frozen=True)
class Section:
    """A title, the queries and tables whose rows the section shows, and what writes it."""

    title: str
    reads: tuple[str, ...]
    write: Callable[[Facts], Iterable[Block]]


def execution_date(facts: Facts) -> Iterable[Block]:
    """When the activations were extracted, the only date that the numbers have."""
    days = sorted({f"{row['created_at']:%Y-%m-%d}" for row in facts.of("extractions")})
    yield say(f"Activations were extracted on {listed(dict.fromkeys((days[0], days[-1])))} (UTC).", source="extractions")


def overview(facts: Facts) -> Iterable[Block]:
    """The prompt sets, the models, and how the vectors were made."""
    datasets, models = (facts.distinct("extractions", name) for name in ("dataset", "model"))
    method, reference, pooling = (facts.variant[name] for name in ("method", "reference", "pooling"))
    yield say(
        f"Emotion vectors from {listed(datasets)} in {listed(models)}: method ",
        Code(method),
        ", reference ",
        Code(reference),
        ", pooling ",
        Code(pooling),
        ", means over layers ",
        Code(facts.settings["over_layers"]),
        ". Every similarity stands beside what it would be by chance; a value that is not defined is said to be so.",
    )
    yield from (say(note) for note in facts.notes)
    yield Heading("Models and extractions")
    yield grid(
        facts.of("extractions"),
        (
            Shown("dataset", "dataset"),
            Shown("model", "model"),
            Shown("architecture", "architecture"),
            Shown("n_layers", "blocks", "d"),
            Shown("d_model", "dimensions", "d"),
            Shown("dtype", "dtype"),
            Shown("bos", "BOS"),
            Shown("n_prompts", "prompts", "d"),
            Shown("n_tokens", "tokens", "d"),
            Shown("extraction_id", "extraction"),
        ),
        "extractions",
    )
    yield Heading("Prompts")
    yield grid(
        facts.of("prompt_counts_by_emotion"),
        (
            Shown("dataset", "dataset"),
            Shown("role", "role"),
            Shown("emotion", "label"),
            Shown("n_prompts", "prompts", "d"),
            Shown("n_topics", "topics", "d"),
            Shown("mean_words", "mean words", ".1f"),
        ),
        "prompt_counts_by_emotion",
    )


def commands(facts: Facts) -> Iterable[Block]:
    """The commands that make the same numbers and this page."""
    rows = facts.of("extractions")
    datasets = [word for name in facts.distinct("extractions", "dataset") for word in ("-d", name)]
    models = [word for name in facts.distinct("extractions", "model") for word in ("-m", name)]
    options = [
        word
        for name, usual in (("bos", "auto"), ("dtype", "float32"), ("max_length", None))
        for value in dict.fromkeys(row[name] for row in rows)
        if value not in (usual, None)
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    options += [f"--{name.replace('_', '-')}" for name in ("truncate", "chat_template") if any(row[name] for row in rows)]
    made = ["--method", facts.variant["method"], "--reference", facts.variant["reference"], "--pooling", facts.variant["pooling"]]
    usual = {"neutral": "neutral", "over_layers": "resid_post"}
    made += [
        word
        for name, value in usual.items()
        if facts.settings[name] != value
        for word in (f"--{name.replace('_', '-')}", facts.settings[name])
    ]
    drawn = ["--seed", str(facts.settings["seed"]), "--draws", str(facts.settings["draws"])]
    lines = [
        ["emo", "extract", *datasets, *models, "--pooling", facts.variant["pooling"], *options],
        ["emo", "vectors", *made],
        ["emo", "compare", *made, *drawn],
        ["emo", "plot", *made],
        ["emo", "track", *made],
        ["emo", "report", *made],
    ]
    yield Listing("\n".join(shlex.join(line) for line in lines))
    yield say(
        "A model that was read from a folder or file goes by its last part here. ",
        Code("emo run --track"),
        " with the same options does all of it.",
    )


def vectors_and_similarities(facts: Facts) -> Iterable[Block]:
    """For each dataset and model: the vectors' shape, how alike the emotions are, and notes."""
    for dataset in facts.distinct(NORMS, "dataset"):
        yield Heading(f"{dataset}: vectors and intra-model similarities")
        for model in facts.distinct(NORMS, "model", dataset=dataset):
            yield Heading(model, 4)
            norms = facts.of(NORMS, dataset=dataset, model=model)
            (width,) = {row["d_model"] for row in facts.of("extractions", dataset=dataset, model=model)}
            layers, emotions = {row["layer"] for row in norms}, facts.distinct(NORMS, "emotion", dataset=dataset, model=model)
            yield say(
                f"Vector shape: ({len(layers)} layers, {width} dimensions) for each of {listed(emotions)}; layers "
                f"{min(layers)} to {max(layers)}.",
                source=NORMS,
            )
            rows = facts.of(BY_MODEL, dataset=dataset, model=model)
            if not rows:
                yield say("One emotion is shown only, so there is no pair to compare.")
                continue
            yield grid(
                rows,
                (
                    Shown("emotion_a", "emotion"),
                    Shown("emotion_b", "and"),
                    Shown("mean_cosine_similarity", "mean cosine", ".4f"),
                    Shown("null_low", "null 2.5 %", ".4f"),
                    Shown("null_high", "null 97.5 %", ".4f"),
                    Shown("p_value", "p", ".2g"),
                    Shown("equidistance", "equidistant", ".4g"),
                    Shown("n_layers_averaged", "layers", "d"),
                ),
                BY_MODEL,
            )
            yield from items(NOTES, facts, dataset=dataset, model=model)


def verdicts(facts: Facts) -> Iterable[Block]:
    """What may be said of each two emotions, in the words of `within_model_verdicts_by_layer`, and nothing more."""
    rows = facts.of(BY_MODEL)
    if not rows:
        yield say("There is one emotion only, so there is no pair to speak of.")
        return
    yield grid(
        [{**row, "verdict": row["verdict"] or "not measured"} for row in rows],
        (
            Shown("dataset", "dataset"),
            Shown("model", "model"),
            Shown("emotion_a", "emotion"),
            Shown("emotion_b", "and"),
            Shown("verdict", "verdict"),
        ),
        BY_MODEL,
    )


def cross_model(facts: Facts) -> Iterable[Block]:
    """For each dataset: raw cosines of one emotion in two models of equal width, with the key finding."""
    for dataset in facts.distinct(NORMS, "dataset"):
        yield Heading(f"{dataset}: one emotion in two models")
        rows = facts.of(BY_EMOTION, dataset=dataset)
        if rows:
            yield grid(
                [{**row, "models": f"{row['model_a']} ↔ {row['model_b']}"} for row in rows],
                (
                    Shown("emotion", "emotion"),
                    Shown("models", "models"),
                    Shown("avg_cosine_similarity", "average", ".6f"),
                    Shown("cosine_stddev_pop", "std", ".6f"),
                    Shown("min_cosine_similarity", "min", ".6f"),
                    Shown("max_cosine_similarity", "max", ".6f"),
                    Shown("chance_stddev", "chance std", ".6f"),
                ),
                BY_EMOTION,
            )
        said = sentences(KEY_FINDINGS, facts, dataset=dataset)
        yield Items(said) if said else say("There is one model only.")


def shared_directions(facts: Facts) -> Iterable[Block]:
    """For each pair of models, in two sentences: whether they hold the same directions in other coordinates."""
    rows = facts.of(ALIGNMENT, fit="ridge")
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        yield Heading(f"{dataset}: directions carried from one model to the other")
        of_set = [row for row in rows if row["dataset"] == dataset]
        for models in dict.fromkeys((row["model_a"], row["model_b"]) for row in of_set):
            pair = [row for row in of_set if (row["model_a"], row["model_b"]) == models]
            yield from (say(sentence, source=ALIGNMENT) for sentence in pair_sentences(pair))
        yield grid(
            [{**row, "way": carried(row)} for row in of_set],
            (
                Shown("emotion", "emotion"),
                Shown("way", "carried"),
                Shown("aligned_cosine", "aligned cosine", ".3f"),
                Shown("null_high", "null 97.5 %", ".3f"),
                Shown("p_value", "p", ".2g"),
                Shown("ceiling", "ceiling", ".3f"),
                Shown("specificity", "specificity", ".3f"),
                Shown("specificity_low", "from", ".3f"),
                Shown("specificity_high", "to", ".3f"),
                Shown("transfer_auroc", "transfer AUROC", ".3f"),
                Shown("transfer_null_high", "its null 97.5 %", ".3f"),
                Shown("own_auroc", "own AUROC", ".3f"),
            ),
            ALIGNMENT,
        )


def dataset_shift(facts: Facts) -> Iterable[Block]:
    """For each two datasets that share prompts: whether a model's directions are the same on the prompts they do not share."""
    if not facts.of(SHIFT):
        yield say("No two datasets share some prompts and not all, so there is nothing to compare.")
    for key, members in grouped(facts.of(SHIFT), ("model", "dataset_a", "dataset_b")):
        yield Heading("{model}: {dataset_a} and the rest of {dataset_b}".format(**key))
        rows = [row for row in members if row["averaged"]]
        # the whole depth is in the figure
        layers = sorted({row["layer"] for row in rows})
        shown = {layers[round(share * (len(layers) - 1))] for share in (0, 0.25, 0.5, 0.75, 1)} if layers else set()
        yield grid(
            [row for row in rows if row["layer"] in shown],
            (
                Shown("emotion", "emotion"),
                Shown("layer", "layer", "d"),
                Shown("cosine_similarity", "plain cosine", ".4f"),
                Shown("noise_cosine", "of noise", ".4f"),
                Shown("cosine_unbiased", "without noise", ".4f"),
                Shown("ci_low", "2.5 %", ".4f"),
                Shown("ci_high", "97.5 %", ".4f"),
                Shown("null_high", "null 97.5 %", ".4f"),
                Shown("p_value", "p", ".2g"),
            ),
            SHIFT,
        )
        yield from items(SHIFTS, facts, **key)


def visualizations(facts: Facts) -> Iterable[Block]:
    """Every figure, by dataset."""
    if not facts.pictures:
        yield say("No figure is there; ", Code("emo plot"), " draws them.")
    for dataset, members in groupby(facts.pictures, lambda picture: picture.dataset):
        listed_ = list(members)
        yield Heading(f"{dataset}: {len(listed_)} figures")
        yield from listed_


def tracking(facts: Facts) -> Iterable[Block]:
    """The MLflow run that holds the same numbers."""
    run = facts.tracked
    if run is None:
        yield say("These numbers were not logged to MLflow; ", Code("emo track"), " does it.")
        return
    yield say(
        "Run ",
        Code(run["run_id"]),
        " of experiment ",
        Code(run["experiment"]),
        " at ",
        Code(run["uri"]),
        f" holds {len(run['params'])} parameters, {run['n_metrics']} values of {sum(run['metrics'].values())} metrics and "
        f"{run['n_artifacts']} files.",
    )
    yield Heading("Parameters")
    yield Items(tuple(say(Code(name), ": ", Code(value) if value else "(empty)") for name, value in run["params"].items()))
    yield Heading("Metrics")
    yield Items(tuple(say(Code(f"{family}/..."), f": {count} metrics") for family, count in run["metrics"].items()))


def observations(facts: Facts) -> Iterable[Block]:
    """What the numbers say, by stated rules."""
    yield from items(OBSERVATIONS, facts, numbered=True)


def next_steps(facts: Facts) -> Iterable[Block]:
    """What the numbers leave open."""
    yield from items(NEXT_STEPS, facts)
    yield say(
        "Every number on this page is a row of the query that is named beside it. ",
        Code("emo sql --list"),
        " lists the queries, ",
        Code('emo sql "select ..."'),
        " answers any other question.",
    )


def conclusion(facts: Facts) -> Iterable[Block]:
    """The outcome."""
    yield from sentences(CONCLUSION, facts)


SECTIONS = (
    Section("Execution date", ("extractions",), execution_date),
    Section("Overview", ("extractions", "prompt_counts_by_emotion"), overview),
    Section("Commands used", ("extractions",), commands),
    Section("Emotion vectors", (NORMS, BY_MODEL, "extractions", *reads(NOTES)), vectors_and_similarities),
    Section("What may be said of two emotions", (BY_MODEL,), verdicts),
    Section("Cross-model similarities", (NORMS, BY_EMOTION, *reads(KEY_FINDINGS)), cross_model),
    Section("Shared directions", (ALIGNMENT,), shared_directions),
    Section("The same direction on other texts", (SHIFT, *reads(SHIFTS)), dataset_shift),
    Section("Visualizations generated", (), visualizations),
    Section("MLflow logging", (), tracking),
    Section("Key observations", reads(OBSERVATIONS), observations),
    Section("Next steps", reads(NEXT_STEPS), next_steps),
    Section("Conclusion", reads(CONCLUSION), conclusion),
)
"""In the order of the page. A new section is a function and a line here; the rows of what it reads are handed in."""
