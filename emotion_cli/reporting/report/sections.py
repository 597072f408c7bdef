"""The sections of the report: each is one function from facts to blocks of Markdown, and one line in `SECTIONS`."""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotion_cli.reporting.report.facts import Facts, grouped, listed
from emotion_cli.reporting.report.markdown import Column, Markdown, code, heading, items, listing, picture, say, table
from emotion_cli.reporting.report.pairs import carried, pair_sentences
from emotion_cli.reporting.report.rules import (
    CONCLUSION,
    KEY_FINDINGS,
    METHODS,
    NEXT_STEPS,
    NOTES,
    OBSERVATIONS,
    PROFILES,
    SHIFTS,
    VERDICTS,
    reads,
    sentence_list,
    sentences,
)

BY_MODEL = "within_model_similarity_by_model"
BY_EMOTION = "cross_model_similarity_by_emotion"
SHIFT = "dataset_shift_by_layer"
NORMS = "vector_norms_by_layer"
ALIGNMENT = "cross_model_alignment_by_emotion"
BEST = "best_layers_by_emotion"
BEYOND = "more_than_words_by_layer"
ANSWERS = {True: "yes", False: "not shown", None: "not known"}
"""How the report says whether a direction holds more than words."""

BY_METHOD = "direction_quality_by_method"


@dataclass(frozen=True)
class Section:
    """A title, the queries and tables whose rows the section shows, and what writes it."""

    title: str
    reads: tuple[str, ...]
    write: Callable[[Facts], Iterable[Markdown]]


def execution_date(facts: Facts) -> Iterable[Markdown]:
    """When the activations were extracted, the only date that the numbers have."""
    days = sorted({f"{row['created_at']:%Y-%m-%d}" for row in facts.of("extractions")})
    first_and_last = listed(dict.fromkeys((days[0], days[-1])))
    yield say("Activations were extracted on {days} (UTC).", source="extractions", days=first_and_last)


def overview(facts: Facts) -> Iterable[Markdown]:
    """The prompt sets, the models, and how the vectors were made."""
    yield say(
        "Emotion vectors from {datasets} in {models}: method {method}, reference {reference}, pooling {pooling}, means over "
        "layers {over_layers}. Every similarity is shown with its null; undefined values are marked.",
        datasets=listed(facts.distinct("extractions", "dataset")),
        models=listed(facts.distinct("extractions", "model")),
        over_layers=code(facts.settings["over_layers"]),
        **{name: code(value) for name, value in facts.variant.items()},
    )
    yield from (say("{note}", note=note) for note in facts.notes)
    yield from sentence_list(PROFILES, facts)
    yield heading("Models and extractions")
    yield table(
        facts.of("extractions"),
        (
            Column("dataset", "dataset"),
            Column("model", "model"),
            Column("architecture", "architecture"),
            Column("n_layers", "blocks", "d"),
            Column("d_model", "dimensions", "d"),
            Column("dtype", "dtype"),
            Column("bos", "BOS"),
            Column("n_prompts", "prompts", "d"),
            Column("n_tokens", "tokens", "d"),
            Column("extraction_id", "extraction"),
        ),
        "extractions",
    )
    yield heading("Prompts")
    yield table(
        facts.of("prompt_counts_by_emotion"),
        (
            Column("dataset", "dataset"),
            Column("role", "role"),
            Column("emotion", "label"),
            Column("n_prompts", "prompts", "d"),
            Column("n_topics", "topics", "d"),
            Column("mean_words", "mean words", ".1f"),
        ),
        "prompt_counts_by_emotion",
    )


def commands(facts: Facts) -> Iterable[Markdown]:
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
        ["emo", "track", *made],
        ["emo", "report", *made],
    ]
    yield listing("\n".join(shlex.join(line) for line in lines))
    yield say(
        "A model from a folder or file is named by the last part of its path. `emo run --track` with the same options does "
        "all of it."
    )


def _option(flag: str, values: Iterable[Any], usual: Any = None) -> list[str]:
    """The words of an option: once for each value, but for the usual one and none."""
    return [word for value in values if value not in (usual, None) for word in (flag, str(value))]


def vectors_and_similarities(facts: Facts) -> Iterable[Markdown]:
    """For each dataset and model: the vectors' shape, how alike the emotions are, and notes."""
    for dataset in facts.distinct(NORMS, "dataset"):
        yield heading(f"{dataset}: vectors and intra-model similarities")
        for model in facts.distinct(NORMS, "model", dataset=dataset):
            yield heading(model, 4)
            norms = facts.of(NORMS, dataset=dataset, model=model)
            (width,) = {row["d_model"] for row in facts.of("extractions", dataset=dataset, model=model)}
            layers, emotions = {row["layer"] for row in norms}, facts.distinct(NORMS, "emotion", dataset=dataset, model=model)
            yield say(
                "Vector shape: ({n_layers} layers, {width} dimensions) for each of {emotions}; layers {first} to {last}.",
                source=NORMS,
                n_layers=len(layers),
                width=width,
                emotions=listed(emotions),
                first=min(layers),
                last=max(layers),
            )
            rows = facts.of(BY_MODEL, dataset=dataset, model=model)
            if not rows:
                yield say("Only one emotion is shown, so there is no pair to compare.")
                continue
            yield table(
                rows,
                (
                    Column("emotion_a", "emotion"),
                    Column("emotion_b", "and"),
                    Column("mean_cosine_similarity", "mean cosine", ".4f"),
                    Column("null_low", "null 2.5 %", ".4f"),
                    Column("null_high", "null 97.5 %", ".4f"),
                    Column("p_value", "p", ".2g"),
                    Column("equidistance", "equidistant", ".4g"),
                    Column("n_layers_averaged", "layers", "d"),
                ),
                BY_MODEL,
            )
            yield from sentence_list(NOTES, facts, dataset=dataset, model=model)


ON_FOLDS = ("auroc", "auroc_words", "auroc_gain", "gain_ci_low", "gain_ci_high")
ON_TEST_SET = ("heldout_auroc", "heldout_words", "heldout_gain", "heldout_gain_ci_low", "heldout_gain_ci_high")
"""The columns of a direction's AUROC, of the words' AUROC, and of their difference with its interval."""


def directions_and_words(facts: Facts) -> Iterable[Markdown]:
    """For each dataset: how well directions separate at their best layer, beside what the words of the texts alone reach."""
    for dataset in facts.distinct(BEST, "dataset"):
        best = facts.of(BEST, dataset=dataset)
        once = list({(row["model"], row["emotion"]): row for row in best}.values())
        named = sorted({row["test_set"] for row in best if row["test_set"] is not None})
        compared = [("held-out folds of the training topics", ON_FOLDS, once)]
        compared += [(f"test set {name}", ON_TEST_SET, [row for row in best if row["test_set"] == name]) for name in named]
        for prompts, (auroc, words, gain, low, high), candidates in compared:
            rows = [row for row in candidates if row[gain] is not None]
            if not rows:
                continue
            yield heading(f"{dataset}: {prompts}")
            yield say(
                "TF-IDF of the words reaches an AUROC of {least:.3f} to {most:.3f}. Of {total} directions, {more} separate "
                "better than it: the interval of the difference lies above 0. (Harder rivals are below, where there are any.)",
                source=BEST,
                least=min(row[words] for row in rows),
                most=max(row[words] for row in rows),
                total=len(rows),
                more=sum(row[low] is not None and row[low] > 0 for row in rows),
            )
            yield table(
                rows,
                (
                    Column("model", "model"),
                    Column("emotion", "emotion"),
                    Column("layer", "best layer", "d"),
                    Column(auroc, "AUROC", ".3f"),
                    *([Column("d_prime", "d'", ".2f")] if auroc == "auroc" else []),
                    Column(words, "TF-IDF", ".3f"),
                    Column(gain, "difference", ".3f"),
                    Column(low, "from", ".3f"),
                    Column(high, "to", ".3f"),
                ),
                BEST,
            )
        yield from _beside_controls(facts, dataset, once)
    if not facts.of(BEST):
        yield say("The quality of the directions has not been measured.")


def _beside_controls(facts: Facts, dataset: str, best: Sequence[Mapping[str, Any]]) -> Iterable[Markdown]:
    """Each direction at its best layer beside what knows words only: on the folds, and on each test set."""
    layers = {(row["model"], row["emotion"]): row["layer"] for row in best}
    rows = [
        {**row, "prompts": row["test_set"] or "folds", "more": ANSWERS[row["more_than_words"]]}
        for row in facts.of(BEYOND, dataset=dataset)
        if row["random_words"] is not None and layers.get((row["model"], row["emotion"])) == row["layer"]
    ]
    if not rows:
        return
    yield heading(f"{dataset}: controls that know words only")
    yield say(
        "Of {total} comparisons at the best layers, {more} show more than words; on test sets {more_tests} of {tests}. There "
        "the intervals of three differences lie above 0: from TF-IDF, from random vectors of words, from the model's embeddings.",
        source=BEYOND,
        total=len(rows),
        more=sum(row["more_than_words"] is True for row in rows),
        tests=sum(row["test_set"] is not None for row in rows),
        more_tests=sum(row["more_than_words"] is True and row["test_set"] is not None for row in rows),
    )
    yield table(
        sorted(rows, key=lambda row: (row["model"], row["emotion"], row["test_set"] or "")),
        (
            Column("model", "model"),
            Column("emotion", "emotion"),
            Column("layer", "best layer", "d"),
            Column("prompts", "prompts"),
            Column("auroc", "AUROC", ".3f"),
            Column("tfidf", "TF-IDF", ".3f"),
            Column("random_words", "random words", ".3f"),
            Column("embeddings", "embeddings", ".3f"),
            Column("untrained", "untrained", ".3f"),
            Column("gain_ci_low", "least lower end", ".3f"),
            Column("more", "more than words"),
        ),
        BEYOND,
    )


def methods(facts: Facts) -> Iterable[Markdown]:
    """For each dataset: AUROC of the mean difference, means over layers, beside those of the other methods."""
    for dataset in facts.distinct(BY_METHOD, "dataset"):
        rows = [row for row in facts.of(BY_METHOD, dataset=dataset) if row["layer"] is None]
        if any(row["whitened"] is not None or row["logistic"] is not None for row in rows):
            yield heading(f"{dataset}: means over layers")
            yield table(
                rows,
                (
                    Column("model", "model"),
                    Column("emotion", "emotion"),
                    Column("mean_difference", "mean difference", ".3f"),
                    Column("mean_difference_ci_low", "from", ".3f"),
                    Column("mean_difference_ci_high", "to", ".3f"),
                    Column("whitened", "whitened", ".3f"),
                    Column("whitened_ci_low", "from", ".3f"),
                    Column("whitened_ci_high", "to", ".3f"),
                    Column("logistic", "logistic", ".3f"),
                    Column("logistic_ci_low", "from", ".3f"),
                    Column("logistic_ci_high", "to", ".3f"),
                ),
                BY_METHOD,
            )
        yield from sentence_list(METHODS, facts, dataset=dataset)
    if not facts.of(BY_METHOD):
        yield say("The quality of the directions has not been measured.")


def verdicts(facts: Facts) -> Iterable[Markdown]:
    """What may be said of each two emotions, in the words of `within_model_verdicts_by_layer`, and nothing more."""
    rows = facts.of(BY_MODEL)
    if not rows:
        yield say("There is only one emotion, so there is no pair to compare.")
        return
    yield say(
        "A verdict speaks of similarity of direction: of the unbiased cosine, beside that of equidistant emotions. Distances are "
        "another question. Their ratio is the distance of two emotions over their mean distance from the reference."
    )
    yield table(
        [
            {**row, "verdict": row["verdict"] or ("-1 by construction" if row["equidistance"] == -1 else "not measured")}
            for row in rows
        ],
        (
            Column("dataset", "dataset"),
            Column("model", "model"),
            Column("emotion_a", "emotion"),
            Column("emotion_b", "and"),
            Column("verdict", "verdict"),
            Column("mean_unbiased_cosine", "unbiased cosine", ".3f"),
            Column("ci_low", "from", ".3f"),
            Column("ci_high", "to", ".3f"),
            Column("equidistance", "equidistant", ".4g"),
            Column("mean_distance_ratio", "ratio of distances", ".3f"),
            Column("distance_ratio_low", "from", ".3f"),
            Column("distance_ratio_high", "to", ".3f"),
        ),
        BY_MODEL,
    )
    yield from sentence_list(VERDICTS, facts)


def cross_model(facts: Facts) -> Iterable[Markdown]:
    """For each dataset: raw cosines of one emotion in two models of equal width, with the key finding."""
    for dataset in facts.distinct(NORMS, "dataset"):
        yield heading(f"{dataset}: one emotion in two models")
        rows = facts.of(BY_EMOTION, dataset=dataset)
        if rows:
            yield table(
                [{**row, "models": f"{row['model_a']} ↔ {row['model_b']}"} for row in rows],
                (
                    Column("emotion", "emotion"),
                    Column("models", "models"),
                    Column("avg_cosine_similarity", "average", ".6f"),
                    Column("cosine_stddev_pop", "std", ".6f"),
                    Column("min_cosine_similarity", "min", ".6f"),
                    Column("max_cosine_similarity", "max", ".6f"),
                    Column("chance_stddev", "chance std", ".6f"),
                ),
                BY_EMOTION,
            )
        yield from sentence_list(KEY_FINDINGS, facts, dataset=dataset) or [say("There is only one model.")]


def shared_directions(facts: Facts) -> Iterable[Markdown]:
    """For each pair of models, in two sentences: whether they hold the same directions in other coordinates."""
    rows = facts.of(ALIGNMENT, fit="ridge")
    for key, of_dataset in grouped(rows, ("dataset",)):
        yield heading(f"{key['dataset']}: directions carried from one model to the other")
        for _, of_pair in grouped(of_dataset, ("model_a", "model_b")):
            yield from (say("{sentence}", source=ALIGNMENT, sentence=sentence) for sentence in pair_sentences(of_pair))
        yield table(
            [{**row, "way": carried(row)} for row in of_dataset],
            (
                Column("emotion", "emotion"),
                Column("way", "carried"),
                Column("aligned_cosine", "aligned cosine", ".3f"),
                Column("null_high", "null 97.5 %", ".3f"),
                Column("q_value", "q", ".2g"),
                Column("smallest_effect", "could be shown", ".3f"),
                Column("ceiling", "ceiling", ".3f"),
                Column("specificity", "specificity", ".3f"),
                Column("specificity_low", "from", ".3f"),
                Column("specificity_high", "to", ".3f"),
                Column("others_cosine", "against others", ".3f"),
                Column("others_low", "from", ".3f"),
                Column("others_high", "to", ".3f"),
                Column("transfer_auroc", "transfer AUROC", ".3f"),
                Column("transfer_null_high", "its null 97.5 %", ".3f"),
                Column("own_auroc", "own AUROC", ".3f"),
            ),
            ALIGNMENT,
        )


def dataset_shift(facts: Facts) -> Iterable[Markdown]:
    """For each two datasets that share prompts: whether a model's directions are the same on the prompts they do not share."""
    if not facts.of(SHIFT):
        yield say("No two datasets share some prompts and not all, so there is nothing to compare.")
    for key, members in grouped(facts.of(SHIFT), ("model", "dataset_a", "dataset_b")):
        yield heading("{model}: {dataset_a} and the rest of {dataset_b}".format(**key))
        rows = [row for row in members if row["averaged"]]
        # the whole depth is in the figure
        layers = sorted({row["layer"] for row in rows})
        shown = {layers[round(share * (len(layers) - 1))] for share in (0, 0.25, 0.5, 0.75, 1)} if layers else set()
        yield table(
            [row for row in rows if row["layer"] in shown],
            (
                Column("emotion", "emotion"),
                Column("layer", "layer", "d"),
                Column("cosine_similarity", "plain cosine", ".4f"),
                Column("noise_cosine", "of noise", ".4f"),
                Column("cosine_unbiased", "without noise", ".4f"),
                Column("ci_low", "2.5 %", ".4f"),
                Column("ci_high", "97.5 %", ".4f"),
                Column("null_high", "null 97.5 %", ".4f"),
                Column("q_value", "q", ".2g"),
                Column("verdict", "verdict"),
            ),
            SHIFT,
        )
        yield from sentence_list(SHIFTS, facts, **key)


def visualizations(facts: Facts) -> Iterable[Markdown]:
    """Every figure, by dataset."""
    if not facts.pictures:
        yield say("There are no figures; `emo plot` draws them.")
    for dataset in dict.fromkeys(shown.dataset for shown in facts.pictures):
        of_dataset = [shown for shown in facts.pictures if shown.dataset == dataset]
        yield heading(f"{dataset}: {len(of_dataset)} figures")
        yield from (picture(shown.path, shown.caption) for shown in of_dataset)


def tracking(facts: Facts) -> Iterable[Markdown]:
    """The MLflow run that holds the same numbers."""
    run = facts.tracked
    if run is None:
        yield say("These numbers were not logged to MLflow; `emo track` does it.")
        return
    yield say(
        "Run {run_id} of experiment {experiment} at {uri} holds {n_params} parameters, {n_values} values of {n_metrics} metrics "
        "and {n_files} files.",
        **{name: code(run[name]) for name in ("run_id", "experiment", "uri")},
        n_params=len(run["params"]),
        n_values=run["n_metrics"],
        n_metrics=sum(run["metrics"].values()),
        n_files=run["n_artifacts"],
    )
    yield heading("Parameters")
    yield items(say("{name}: {value}", name=code(name), value=code(value)) for name, value in run["params"].items())
    yield heading("Metrics")
    yield items(say("{name}: {count} metrics", name=code(f"{name}/..."), count=count) for name, count in run["metrics"].items())


def observations(facts: Facts) -> Iterable[Markdown]:
    """What the numbers say, by stated rules."""
    yield from sentence_list(OBSERVATIONS, facts, numbered=True)


def next_steps(facts: Facts) -> Iterable[Markdown]:
    """What the numbers leave open."""
    yield from sentence_list(NEXT_STEPS, facts)
    yield say(
        "Every number on this page is a row of the query that is named beside it. `emo sql --list` lists the queries, "
        '`emo sql "select ..."` answers any other question.',
    )


def conclusion(facts: Facts) -> Iterable[Markdown]:
    """The outcome."""
    yield from sentences(CONCLUSION, facts)


SECTIONS = (
    Section("Execution date", ("extractions",), execution_date),
    Section("Overview", ("extractions", "prompt_counts_by_emotion", *reads(PROFILES)), overview),
    Section("Commands used", ("extractions",), commands),
    Section("Emotion vectors", (NORMS, BY_MODEL, "extractions", *reads(NOTES)), vectors_and_similarities),
    Section("Directions and words", (BEST, BEYOND), directions_and_words),
    Section("Other methods", (BY_METHOD, *reads(METHODS)), methods),
    Section("What may be said of two emotions", (BY_MODEL, *reads(VERDICTS)), verdicts),
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
