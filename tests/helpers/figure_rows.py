"""Rows as the queries of figures give them, for any number of labels and models, with what real stores hold: gaps and extremes.

Values follow from a fixed seed. Every fifth place lacks a value, others lack an interval, some intervals are far too wide.
"""

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise, product
from random import Random
from typing import Any

from emotion_cli.reporting import figures

Row = dict[str, Any]

GO_EMOTIONS = [
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "neutral",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
]
JAPANESE = ("喜び", "怒り", "悲しみ", "驚き", "恐れ", "嫌悪")
MODELS = (
    "gpt2",
    "EleutherAI/pythia-160m",
    "smollm2-135m",
    "gemma3-270m",
    "a",
    "Qwen/Qwen3-0.6B-Base",
    "opt-125m",
    "model with spaces",
)
LAYERS = 13

SIMILAR = (
    "more similar than their shared reference makes them, and more than words give",
    "more similar than their shared reference makes them",
    "less similar than their shared reference makes them",
    "as similar as their shared reference makes them",
    "undecided",
    "no direction shown",
    "too few topics to tell",
)
ALIGNED = (
    "the same emotion in both models or a contrast that is stronger for this emotion in both, and more than words give",
    "the same emotion in both models or a contrast that is stronger for this emotion in both",
    "a shared contrast with the reference, not shown to be this emotion, and more than words give",
    "a shared contrast with the reference, not shown to be this emotion",
    "nothing shown to be shared",
    "too few dimensions to tell",
)
SHIFTED = (
    "the same direction",
    "a similar direction, and not the same",
    "a similar direction, not shown to be the same",
    "not shown to be alike",
    "too few topics to tell",
)
SHOWN = ("a direction", "a direction", "no direction shown", "too few topics to tell")


def _values(random: Random, i: int, low: float, high: float, names: Sequence[str], nulls: Sequence[str]) -> Row:
    """A value, an interval (ends named second and third) and a null, as they are at place i: see the module's docstring."""
    value = random.uniform(low, high)
    half = random.uniform(0.02, 0.2) * (8 if i % 7 == 3 else 1)
    name, *ends = names
    row: Row = {name: None if i % 5 == 0 else value}
    row |= dict.fromkeys(ends) if i % 5 in (0, 2) else dict(zip(ends, (value - half, value + half), strict=False))
    middle, reach = (low + high) / 2, random.uniform(0.05, 0.3)
    return row | (dict.fromkeys(nulls) if i % 6 == 4 else dict(zip(nulls, (middle + reach, middle - reach), strict=False)))


def quality(emotions: Sequence[str]) -> list[Row]:
    """Of `direction_quality_by_layer`."""
    random = Random("quality")
    interval, null = ("auroc", "auroc_ci_low", "auroc_ci_high"), ("auroc_null_high", "auroc_null_low")
    return [
        {"emotion": emotion, "layer": layer, "auroc_words": 0.6, "auroc_surface": 0.5, "verdict": SHOWN[(i + j) % len(SHOWN)]}
        | _values(random, j, 0.4, 1.0, interval, null)
        | _values(random, j + 1, -0.2, 0.9, ["split_half"], ["split_half_null_high"])
        for i, emotion in enumerate(emotions)
        for j, layer in enumerate([*range(LAYERS), None])
    ]


def test_sets(emotions: Sequence[str]) -> list[Row]:
    """Of `test_sets_by_layer`, of two sets."""
    random, names = Random("sets"), ("auroc", "auroc_ci_low", "auroc_ci_high")
    return [
        {"emotion": emotion, "layer": layer, "test_set": name, "auroc_words": None if name == "letters" else 0.6}
        | _values(random, j, 0.4, 1.0, names, ["auroc_null_high"])
        for name, emotion, (j, layer) in product(("letters", "re$views_"), emotions, enumerate([*range(LAYERS), None]))
    ]


def beside_words(emotions: Sequence[str], models: Sequence[str]) -> list[Row]:
    """Of `more_than_words_by_emotion`: two training sets, on their topics and on two test sets; some lack an interval or a control."""
    random, rows = Random("words"), []
    for i, (dataset, model, emotion, test_set) in enumerate(
        product(("large", "small"), models, emotions, (None, "letters", "re$views_"))
    ):
        gain = random.uniform(-0.1, 0.3)
        interval = (None, None) if i % 11 == 10 else (gain - 0.1, gain + 0.12)
        more = None if i % 7 == 6 else interval[0] is not None and interval[0] > 0
        row: Row = {"dataset": dataset, "model": model, "emotion": emotion, "test_set": test_set, "more_than_words": more}
        rows.append(row | {"gain": gain, "gain_ci_low": interval[0], "gain_ci_high": interval[1]})
    return [*rows, {**rows[0], "test_set": "not measured", "gain": None}]


def norms(emotions: Sequence[str], models: Sequence[str] = MODELS[:1]) -> list[Row]:
    """Of `vector_norms_by_layer`."""
    random = Random("norms")
    return [
        {
            "model": model,
            "emotion": emotion,
            "layer": layer,
            "relative_depth": layer / (LAYERS - 1),
            "l2_norm": 0.0 if layer == 0 else 10 ** (layer / 4) * random.uniform(0.8, 1.2),
            "relative_norm": 0.02 * layer * random.uniform(0.8, 1.2),
        }
        for model, emotion, layer in product(models, emotions, range(LAYERS))
    ]


def within(emotions: Sequence[str]) -> list[Row]:
    """Of `within_model_similarity_by_layer` and, with layer NULL, of `within_model_similarity_by_model`."""
    random, names = Random("within"), ("unbiased_cosine", "ci_low", "ci_high")
    rows = [
        {"emotion_a": a, "emotion_b": b, "layer": layer, "equidistance": 0.5, "verdict": SIMILAR[(i + j) % len(SIMILAR)]}
        | _values(random, j, 0.0, 1.0, names, ["null_high", "null_low"])
        for i, (a, b) in enumerate(combinations(sorted(emotions), 2))
        for j, layer in enumerate([None, *range(LAYERS)], start=i % 5)
    ]
    for row in rows:
        row["cosine_similarity"] = row["mean_unbiased_cosine"] = row["unbiased_cosine"]
    return rows


def shift(emotions: Sequence[str]) -> list[Row]:
    """Of `dataset_shift_by_layer`."""
    random, names = Random("shift"), ("cosine_unbiased", "ci_low", "ci_high")
    return [
        {"emotion": emotion, "layer": layer, "verdict": SHIFTED[(i + layer) % len(SHIFTED)]}
        | _values(random, layer, -0.2, 1.3, names, ["null_high", "null_low"])
        for i, emotion in enumerate(emotions)
        for layer in range(LAYERS)
    ]


def raw(emotions: Sequence[str], models: Sequence[str]) -> list[Row]:
    """Of `cross_model_similarity_by_layer`."""
    random = Random("raw")
    return [
        {"emotion": emotion, "model_a": a, "model_b": b, "layer": layer, "chance_stddev": 0.036}
        | _values(random, layer, -0.1, 0.1, ["cosine_similarity"], [])
        for emotion, (a, b), layer in product(emotions, combinations(models, 2), range(LAYERS))
    ]


def alignment(emotions: Sequence[str]) -> list[Row]:
    """Of `cross_model_alignment_by_layer`, of two models and one fit."""
    random, names = Random("alignment"), ("aligned_cosine", "ci_low", "ci_high")
    return [
        {"emotion": emotion, "mapping": mapping, "relative_depth": layer / (LAYERS - 1), "layer_a": layer, "layer_b": 2 * layer}
        | {"model_a": MODELS[1], "model_b": MODELS[2], "verdict": ALIGNED[(i + layer) % len(ALIGNED)]}
        | {"nearest_other": random.uniform(0, 0.7) if len(emotions) > 1 else None, "ceiling": 0.9 if layer % 3 else None}
        | {"own_auroc": 0.95}
        | _values(random, layer, -0.1, 0.8, names, ["null_high", "null_low"])
        | _values(random, layer + 2, 0.4, 1.0, ["transfer_auroc"], ["transfer_null_high"])
        for (i, emotion), mapping, layer in product(enumerate(emotions), ("a_to_b", "b_to_a"), range(LAYERS))
    ]


def subspaces(emotions: Sequence[str]) -> list[Row]:
    """Of `cross_model_subspaces_by_layer`, carried, of two models."""
    random = Random("subspaces")
    return [
        {
            "emotion": emotion,
            "mapping": mapping,
            "k": k,
            "layer_a": layer,
            "layer_b": layer,
            "model_a": MODELS[0],
            "model_b": MODELS[2],
        }
        | _values(random, layer, 0.0, 1.0, ["overlap"], ["overlap_null_high"])
        for emotion, mapping, k, layer in product(emotions, ("a_to_b", "b_to_a"), (1, 2, 5, 10), range(3))
    ]


def arrangements(*, every_pair: bool = False) -> list[Row]:
    """Of `cross_model_geometry_by_layer`: of matched layers, or of every pair of layers."""
    random, rows = Random("arrangements"), []
    for a, b in product(range(LAYERS), range(LAYERS)) if every_pair else pairwise(range(LAYERS + 1)):
        row: Row = {"layer_a": a, "layer_b": b, "model_a": MODELS[0], "model_b": MODELS[2]}
        for column, short in (
            ("cka_debiased", "cka"),
            ("rsa", "rsa"),
            ("cka_labels_removed", "cka_labels"),
            ("cka_labels_topics_removed", "cka_labels_topics"),
        ):
            row |= _values(random, a, 0.0, 1.0, [column, f"{short}_low", f"{short}_high"], [f"{short}_null_high"])
        rows.append(row)
    return rows


def consensus(emotions: Sequence[str], models: Sequence[str]) -> list[Row]:
    """Of `consensus_by_layer`."""
    random = Random("consensus")
    return [
        {"model": model, "emotion": emotion, "layer": None if rank is None else 2 * rank, "consensus_rank": rank}
        | {
            "x": None if rank in (0, None) else random.uniform(-0.7, 0.7),
            "y": None if rank in (0, None) else random.uniform(-0.7, 0.7),
        }
        for model, emotion, rank in product(models, emotions, (*range(6), None))
    ]


def scores(emotions: Sequence[str]) -> list[dict]:
    """At single tokens and of the whole text, against neutral text and the others; one value is not defined."""
    places = [*(f"t{k}" for k in range(1, 17)), "last", "mean", "max"]
    return [
        {
            "emotion": emotion,
            "reference": reference,
            "place": place,
            "layer": 15,
            "auroc": None if (place, i) == ("t16", 0) else 0.5 + 0.45 * k / (len(places) + i),
            "ci_low": 0.45 + 0.4 * k / len(places),
            "ci_high": min(1.0, 0.55 + 0.5 * k / len(places)),
            "null_low": 0.4,
            "null_high": 0.6,
        }
        for i, emotion in enumerate(emotions)
        for reference in ("neutral", "others")
        for k, place in enumerate(places)
    ]


def parts(emotions: Sequence[str]) -> list[dict]:
    """Nine heads and an MLP in each of 15 blocks; one head stands out, one MLP is not defined."""
    return [
        {
            "emotion": emotion,
            "layer": 15,
            "component": "head" if head < 9 else "mlp",
            "block": block,
            "head": head if head < 9 else None,
            "value": None if (block, head) == (3, 9) else 4.0 if (block, head) == (12, i % 9) else 0.3 * (block * head % 5 - 2),
            "p_value": 0.001 if (block, head) == (12, i % 9) else 0.4,
        }
        for i, emotion in enumerate(emotions)
        for block in range(1, 16)
        for head in range(10)
    ]


def steered(emotions: Sequence[str]) -> list[Row]:
    """Of `steering_responses_by_layer` and of `steering_effects_by_alpha`: every column of both, by layer and by alpha."""
    random, alphas = Random("steered"), (0.05, 0.1, 0.2, 0.4)
    rows = []
    for emotion, reference, place in product(emotions, ("neutral", "others"), range(LAYERS)):
        size = 1.0 + 0.1 * place
        response, wide = size * random.uniform(-0.5, 2.0), size * random.uniform(0.6, 1.0)
        alpha = alphas[place % 4]
        row: Row = {"emotion": emotion, "reference": reference, "layer": place, "alpha": alpha}
        row |= {"response": None if place == 0 else response, "response_own": response - size}
        row |= dict(zip(("gaussian_low", "gaussian_high"), (-wide / 4, wide / 4), strict=True))
        row |= {"effect": alpha * response * 0.8, "predicted": alpha * response, "effect_own": alpha * (response - size)}
        row |= {"effect_own_low": alpha * (response - size) - 0.1, "effect_own_high": alpha * (response - size) + 0.1}
        row |= {"damage_kl": 3 * alpha**2}
        is_tested = place > 3 or alpha == 0.2
        row |= {"null_low": -wide if is_tested else None, "null_high": wide if is_tested else None}
        row |= {"ci_low": row["response"] and response - wide / 2, "ci_high": row["response"] and response + wide / 2}
        rows.append(row)
    return rows


def doses(emotions: Sequence[str]) -> list[Row]:
    """Of `steering_effects_by_alpha`, of one reference and layer; the null is known at one alpha."""
    rows = [row for row in steered(emotions) if row["reference"] == "neutral" and row["layer"] < 4]
    return [{**row, "layer": 15, "ci_low": row["effect"] - 0.05, "ci_high": row["effect"] + 0.05} for row in rows]


def moved(emotions: Sequence[str]) -> list[Row]:
    """Of `steering_matrix_by_alpha`: two references at one layer and alpha each; one cell is not defined, another has no interval."""
    random = Random("moved")
    rows = []
    for reference, alpha, emotion, target in product(("neutral", "others"), (0.2,), emotions, (*emotions, "plain")):
        effect = random.uniform(-0.4, 0.1) + 0.3 * (emotion == target)
        row: Row = {"emotion": emotion, "reference": reference, "layer": 15, "alpha": alpha, "target_emotion": target}
        rows.append(row | {"effect": effect, "ci_low": effect - 0.08, "ci_high": effect + 0.06})
    rows[1] |= dict.fromkeys(("ci_low", "ci_high"))
    rows[2] |= dict.fromkeys(("effect", "ci_low", "ci_high"))
    return rows


def carried(emotions: Sequence[str]) -> list[Row]:
    """Of `patching_shares_by_layer`: whole states that were carried, and guesses for directions; one emotion has no whole."""
    random = Random("carried")
    rows = []
    for site, emotion, layer in product(("direction", "residual"), emotions, range(LAYERS)):
        is_carried, most = site == "residual", 1.0 if site == "residual" else 0.2
        share = most * layer / (LAYERS - 1) + random.uniform(-0.05, 0.05)
        row: Row = {"site": site, "emotion": emotion, "layer": layer, "is_carried": is_carried, "share": share}
        row |= {"share_low": share - 0.1, "share_high": share + 0.12, "neutral_share": random.uniform(-0.1, 0.1)}
        band = (None, None, None, None) if is_carried else (-0.08, 0.09, -0.02, 0.02)
        row |= dict(zip(("null_low", "null_high", "gaussian_low", "gaussian_high"), band, strict=True))
        if emotion == emotions[-1]:
            row = {name: value if name in ("site", "emotion", "layer", "is_carried") else None for name, value in row.items()}
        rows.append(row)
    return rows


def sheets(emotions: Sequence[str], models: Sequence[str]) -> dict[str, Callable[[], figures.Sheet]]:
    """Every figure of these labels and models that there is, by name."""
    about = ("gemma3-270m, extended", "mean_difference, reference neutral, pooling last")
    drawn = {
        "direction_quality": lambda: figures.direction_quality(quality(emotions), *about),
        "more_than_words": lambda: figures.more_than_words(beside_words(emotions, models), *about),
        "test_sets": lambda: figures.test_sets(test_sets(emotions), *about),
        "relative_norm": lambda: figures.relative_norm(norms(emotions), *about),
        "l2_norm": lambda: figures.l2_norm(norms(emotions), *about),
        "dataset_shift": lambda: figures.dataset_shift(shift(emotions), *about),
        "scores_by_place": lambda: figures.scores_by_place(scores(emotions), *about),
        "heads_by_block": lambda: figures.heads_by_block(parts(emotions), *about),
        "responses": lambda: figures.responses(steered(emotions), *about),
        "dose_response": lambda: figures.dose_response(doses(emotions), *about),
        "steering_matrix": lambda: figures.steering_matrix(moved(emotions), *about),
        "shares_by_layer": lambda: figures.shares_by_layer(carried(emotions), *about),
    }
    if len(emotions) > 1:
        drawn |= {
            "emotion_similarity": lambda: figures.emotion_similarity(
                [row for row in within(emotions) if row["layer"] is not None], *about
            ),
            "similarity_heatmap": lambda: figures.similarity_heatmap(
                [row for row in within(emotions) if row["layer"] is None], *about
            ),
        }
    if len(models) > 1:
        drawn |= {
            "raw_cosine": lambda: figures.raw_cosine(raw(emotions, models), *about),
            "relative_norm_by_depth": lambda: figures.relative_norm_by_depth(norms(emotions, models), *about),
            "aligned_cosine": lambda: figures.aligned_cosine(alignment(emotions), *about),
            "transfer_auroc": lambda: figures.transfer_auroc(alignment(emotions), *about),
            "subspace_overlap": lambda: figures.subspace_overlap(subspaces(emotions), *about),
            "geometry": lambda: figures.geometry(arrangements(), *about),
            "cka_debiased": lambda: figures.layer_by_layer(arrangements(every_pair=True), "cka_debiased", *about),
            "rsa": lambda: figures.layer_by_layer(arrangements(every_pair=True), "rsa", *about),
        }
    if len(models) > 2:
        drawn["consensus"] = lambda: figures.consensus(consensus(emotions, models), *about)
    return drawn
