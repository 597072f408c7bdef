"""Observations as data: each rule looks at the rows of one query and, where it applies, fills its sentence with numbers.

A rule's `numbers` gets the rows of one group (its `by` columns have one value each) and answers what the sentence needs, or
None where the rule has nothing to say. A sentence is never written without the numbers that it rests on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from emotion_cli.reporting.report.facts import Facts, Row, grouped, listed
from emotion_cli.reporting.report.markdown import Markdown, items, say
from emotion_cli.wording import counted

CHANCE_DEVIATIONS = 1.96
"""Half the width of a 95 % band, in standard deviations of a normal distribution."""

NEAR = 0.05
"""How near a mean cosine must be to a value of reference to be called near it."""

HIGH = 0.9
"""The mean cosine above which two vectors are called nearly one direction."""

MISSED = "not shown by mean_difference, shown by "
"""How a verdict on methods begins where another method shows a direction."""

CONCENTRATED, MIXED = 0.5, 0.02
"""As in `emotion_cli.measures.profile`, which this package does not read; a test holds them equal."""

POWER = 0.8
"""Probability with which a study shows the smallest effects of the queries."""

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """A sentence, the query that its numbers come from, and when it applies; one sentence for each group of rows."""

    query: str
    sentence: str
    numbers: Callable[[Sequence[Row]], Numbers | None]
    by: tuple[str, ...] = ()


def sentences(rules: Iterable[Rule], facts: Facts, **equal: Any) -> list[Markdown]:
    """What the rules say of the rows whose columns have the given values, in the order of the rules."""
    return [
        say(rule.sentence, source=rule.query, **(group | numbers))
        for rule in rules
        for group, members in grouped(facts.of(rule.query, **equal), rule.by)
        if (numbers := rule.numbers(members)) is not None
    ]


def sentence_list(rules: Iterable[Rule], facts: Facts, *, numbered: bool = False, **equal: Any) -> list[Markdown]:
    """The same as a list; no list where no rule applies."""
    paragraphs = sentences(rules, facts, **equal)
    return [items(paragraphs, numbered=numbered)] if paragraphs else []


def reads(*rules: Iterable[Rule]) -> tuple[str, ...]:
    """The queries that rules look at."""
    return tuple(dict.fromkeys(rule.query for group in rules for rule in group))


def _pair(row: Row) -> str:
    return f"{row['emotion_a']} and {row['emotion_b']}"


def _means(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["mean_cosine_similarity"] is not None]


def _beyond_the_null(rows: Sequence[Row]) -> Numbers | None:
    with_null = [row for row in _means(rows) if row["null_high"] is not None]
    above = [row for row in with_null if row["mean_cosine_similarity"] > row["null_high"]]
    return {"count": len(above), "total": len(with_null)} if with_null else None


def _extremes(rows: Sequence[Row]) -> Numbers | None:
    ordered = sorted(_means(rows), key=lambda row: row["mean_cosine_similarity"])
    if len(ordered) < 2:
        return None
    least, most = ordered[0], ordered[-1]
    return {
        "least": _pair(least),
        "least_value": least["mean_cosine_similarity"],
        "most": _pair(most),
        "most_value": most["mean_cosine_similarity"],
    }


def _near_equidistance(rows: Sequence[Row]) -> Numbers | None:
    near = [row for row in _means(rows) if abs(row["mean_cosine_similarity"] - row["equidistance"]) <= NEAR]
    named = listed(f"{_pair(row)} ({row['mean_cosine_similarity']:.4f})" for row in near)
    return {"pairs": named, "equidistance": near[0]["equidistance"]} if near else None


def _all_high(rows: Sequence[Row]) -> Numbers | None:
    means = [row["mean_cosine_similarity"] for row in _means(rows)]
    return {"low": min(means), "high": max(means)} if means and min(means) > HIGH else None


def _counts(verdicts: Sequence[str]) -> Numbers:
    """How many there are, and of each how many."""
    each = Counter(verdicts).most_common()
    return {"total": len(verdicts), "counts": "; ".join(f"{verdict} ({count})" for verdict, count in each)}


def _tally(rows: Sequence[Row]) -> Numbers | None:
    known = [row["verdict"] for row in rows if row["verdict"] is not None]
    return _counts(known) if known else None


def _not_shown(rows: Sequence[Row]) -> Numbers | None:
    members = [row for row in rows if row["verdict"] == "no direction shown"]
    if not members:
        return None
    elsewhere = grouped([row for row in members if row["shown_by"]], ("shown_by",))
    power = _power("an AUROC of {} or more", [row["smallest_auroc"] for row in members], most=1.0)
    others = [f"Both directions of {listed(map(_pair, of_one))} are shown by {key['shown_by']}." for key, of_one in elsewhere]
    return {"method": members[0]["method"], "pairs": "; ".join(map(_pair, members)), "shown": " ".join([power, *others])}


def _undecided(rows: Sequence[Row]) -> Numbers | None:
    members = [row for row in rows if row["verdict"] == "undecided"]
    if not members:
        return None
    least = [row["smallest_effect"] for row in members]
    power = _power(f"a cosine that is {{}} or more away from {members[0]['equidistance']:.4g}", least, most=1.5)
    return {"pairs": "; ".join(map(_pair, members)), "shown": power}


def _power(what: str, smallest: Sequence[float | None], most: float) -> str:
    """What such a study shows with probability 0.8, given the smallest effect of each row and the most that there can be."""
    known = [value for value in smallest if value is not None]
    if not known:
        return "What could have been shown is not known."
    if min(known) > most:
        return "So few topics can show nothing."
    return f"With probability {POWER:g} such a study shows {what.format(f'{min(max(known), most):.2f}')}."


def _between_datasets(rows: Sequence[Row]) -> Numbers | None:
    datasets = list(dict.fromkeys(row["dataset"] for row in rows))
    spreads = [
        max(values) - min(values)
        for _, members in grouped(_means(rows), ("emotion_a", "emotion_b"))
        if len(values := [row["mean_cosine_similarity"] for row in members]) == len(datasets)
    ]
    return {"datasets": listed(datasets), "spread": max(spreads)} if len(datasets) > 1 and spreads else None


def _same_order(rows: Sequence[Row]) -> Numbers | None:
    groups = grouped(rows, ("dataset", "model"))
    n_groups = len(groups)
    orders = {
        tuple(_pair(row) for row in sorted(_means(members), key=lambda row: row["mean_cosine_similarity"]))
        for _, members in groups
    }
    if n_groups < 2 or any(len(order) < 2 for order in orders):
        return None
    if len(orders) > 1:
        return {"answer": f"differs: there are {len(orders)} orders over {n_groups} combinations of dataset and model"}
    (order,) = orders
    return {"answer": f"is the same in all {n_groups} combinations of dataset and model: {', '.join(order)}"}


def _inside_chance(rows: Sequence[Row]) -> Numbers | None:
    cosines = [row for row in rows if row["averaged"] and row["cosine_similarity"] is not None]
    if not cosines:
        return None
    inside = sum(abs(row["cosine_similarity"]) <= CHANCE_DEVIATIONS * row["chance_stddev"] for row in cosines)
    widest = max(row["chance_stddev"] for row in cosines)
    share = inside / len(cosines)
    # where 95 % are expected inside, less than nine in ten is more than layers of one model vary together
    meaning = (
        "as unrelated directions would lie: raw cosines show no direction that the models share, and cannot exclude one"
        if share >= 0.9
        else "more lie outside than unrelated directions would put there"
    )
    return {"inside": inside, "total": len(cosines), "band": CHANCE_DEVIATIONS * widest, "share": share, "meaning": meaning}


def _range_of_averages(rows: Sequence[Row]) -> Numbers | None:
    averages = [row["avg_cosine_similarity"] for row in rows if row["avg_cosine_similarity"] is not None]
    if not averages:
        return None
    return {"total": len(averages), "low": min(averages), "high": max(averages), "chance": max(r["chance_stddev"] for r in rows)}


def _widths_differ(rows: Sequence[Row]) -> Numbers | None:
    width_of = {row["model"]: row["d_model"] for row in rows}
    if len(width_of) < 2 or len(set(width_of.values())) < len(width_of):
        return None
    return {
        "models": listed(f"{model} ({width} dimensions)" for model, width in sorted(width_of.items())),
        "widths": listed(sorted(set(width_of.values()))),
    }


def _longest(rows: Sequence[Row]) -> Numbers | None:
    row = max(rows, key=lambda row: row["relative_norm"])
    depth = f" (relative depth {row['relative_depth']:.2f})" if row["relative_depth"] is not None else ""
    return {"place": f"layer {row['layer']}{depth}", **{name: row[name] for name in ("emotion", "dataset", "relative_norm")}}


def _same_on_both(rows: Sequence[Row]) -> Numbers | None:
    known = [row for row in rows if row["averaged"] and row["verdict"] is not None]
    if not known:
        return None
    counts = _counts([row["verdict"] for row in known])
    missed = [row["smallest_effect"] for row in known if row["verdict"] == "not shown to be alike"]
    power = [_power("a cosine of {} or more", missed, most=1.0)] if missed else []
    return {
        **counts,
        "told": " ".join([f"{counts['counts']}.", *power]),
        "share": min(row["share_in_common"] for row in rows),
    }


def _plain_against_noise(rows: Sequence[Row]) -> Numbers | None:
    known = [row for row in rows if row["averaged"] and row["cosine_similarity"] is not None]
    if not known:
        return None
    cosines = [row["cosine_similarity"] for row in known]
    return {"low": min(cosines), "high": max(cosines), **{name: known[0][name] for name in ("noise_cosine", "share_in_common")}}


def _no_length(rows: Sequence[Row]) -> Numbers | None:
    layers = sorted({row["layer"] for row in rows if row["cosine_similarity"] is None})
    return {"layers": listed(layers)} if layers else None


def _only_pooling(rows: Sequence[Row]) -> Numbers | None:
    poolings = {pooling for row in rows for pooling in row["poolings"]}
    return {"pooling": min(poolings)} if len(poolings) == 1 else None


def _only_model(rows: Sequence[Row]) -> Numbers | None:
    models = {row["model"] for row in rows}
    return {"model": min(models)} if len(models) == 1 else None


def _shared_reference(rows: Sequence[Row]) -> Numbers | None:
    references = {row["reference"] for row in rows}
    return {"reference": min(references)} if references and references != {"others"} else None


def _missed(rows: Sequence[Row]) -> Numbers | None:
    at_layers = [row for row in rows if row["layer"] is not None and row["verdict"] is not None]
    missed = [row for row in at_layers if row["verdict"].startswith(MISSED)]
    if not missed:
        return None
    methods = listed(dict.fromkeys(row["verdict"].removeprefix(MISSED) for row in missed))
    layers = sorted({row["layer"] for row in missed})
    return {"missed": len(missed), "total": len(at_layers), "methods": methods, "first": layers[0], "last": layers[-1]}


def _unusual(rows: Sequence[Row]) -> Numbers | None:
    shares = [row["top3_variance_share"] for row in rows if (row["top3_variance_share"] or 0) > CONCENTRATED]
    parts = (
        [f"three dimensions hold up to {max(shares):.0%} of the variance (at {counted(len(shares), 'layer')})"] if shares else []
    )
    for name, how in (("sink_share", "far longer"), ("low_outlier_share", "far shorter")):
        mixed = [row[name] for row in rows if row[name] is not None and MIXED < row[name] < 1 - MIXED]
        if mixed:
            parts.append(
                f"up to {max(mixed):.0%} of the pooled tokens are {how} than the others (at {counted(len(mixed), 'layer')})"
            )
    return {"what": listed(parts)} if parts else None


def _summary(rows: Sequence[Row]) -> Numbers | None:
    emotions = sorted({row[name] for row in rows for name in ("emotion_a", "emotion_b")})
    datasets, models = (list(dict.fromkeys(row[name] for row in rows)) for name in ("dataset", "model"))
    counts = _beyond_the_null(rows)
    return {"emotions": listed(emotions), "datasets": listed(datasets), "models": listed(models), **counts} if counts else None


PROFILES = (
    Rule(
        "layer_profiles",
        "{dataset}, {model}: {what}. There the mean difference may see little. Compare it with method whitened, or extract "
        "with --pooling content.",
        _unusual,
        by=("dataset", "model"),
    ),
)
"""Said of a model's activations, on the first page."""

METHODS = (
    Rule(
        "direction_quality_by_method",
        "{model}, {emotion}: at {missed} of {total} layers ({first} to {last}) mean_difference shows no direction, where one is "
        "shown by {methods}. No direction by mean_difference does not mean that there is none.",
        _missed,
        by=("model", "emotion"),
    ),
)
"""Said where another method finds what the mean difference misses."""

_BY_MODEL = "within_model_similarity_by_model"
_SHIFT = "dataset_shift_by_layer"
_BY_LAYER = "within_model_similarity_by_layer"
_CROSS = "cross_model_similarity_by_layer"

NOTES = (
    Rule(_BY_MODEL, "{count} of {total} means lie above the 97.5 % quantile of labels permuted within topics.", _beyond_the_null),
    Rule(_BY_MODEL, "Highest mean cosine: {most} ({most_value:.4f}); lowest: {least} ({least_value:.4f}).", _extremes),
    Rule(_BY_MODEL, "Within 0.05 of {equidistance:.4g}, the cosine of equidistant emotions: {pairs}.", _near_equidistance),
    Rule(
        _BY_MODEL,
        "Every mean is above 0.9 ({low:.4f} to {high:.4f}): the vectors nearly share one direction, so most of what "
        "they hold is emotion against reference, little is one emotion against another.",
        _all_high,
    ),
)
"""Said of one dataset under one model."""

KEY_FINDINGS = (
    Rule(
        "cross_model_similarity_by_emotion",
        "The {total} averages range from {low:.6f} to {high:.6f}; at a single layer, "
        "unrelated directions have a standard deviation of {chance:.4f} around 0.",
        _range_of_averages,
    ),
    Rule(
        _CROSS,
        "{inside} of {total} cosines at single layers ({share:.0%}) lie within {band:.4f} of 0, where unrelated "
        "directions put 95 %: {meaning}.",
        _inside_chance,
    ),
    Rule(
        "extractions",
        "No two models have equal width: {models}. The raw cosine is not defined between them, so there is no "
        "table; the figures across models show norms by relative depth.",
        _widths_differ,
    ),
)
"""Said of the models of one dataset."""

VERDICTS = (
    Rule(
        _BY_MODEL,
        "{model} on {dataset}: {method} shows no direction of one emotion or both in {pairs}. {shown}",
        _not_shown,
        by=("dataset", "model"),
    ),
    Rule(
        _BY_MODEL,
        "{model} on {dataset}: the similarity of {pairs} is undecided. {shown}",
        _undecided,
        by=("dataset", "model"),
    ),
)
"""Said of verdicts that leave a question open: what was tested, and what could have been shown."""

SHIFTS = (
    Rule(
        _SHIFT,
        "{share_in_common:.0%} of {dataset_b} is in {dataset_a}, too. Plain cosines of the two vectors range "
        "from {low:.4f} to {high:.4f}; noise alone would give {noise_cosine:.4f}.",
        _plain_against_noise,
        by=("dataset_a", "dataset_b"),
    ),
    Rule(
        _SHIFT,
        "{dataset_a} against the rest of {dataset_b}, without noise, at {total} single layers: {told}",
        _same_on_both,
        by=("dataset_a", "dataset_b"),
    ),
)
"""Said of two datasets of one model that share prompts."""

OBSERVATIONS = (
    Rule("extractions", "Across models the raw cosine is not defined, since no two have equal width: {models}.", _widths_differ),
    Rule(
        _CROSS,
        "Across models, {inside} of {total} raw cosines at single layers ({share:.0%}) lie within {band:.4f} of 0, "
        "where unrelated directions put 95 %: {meaning}.",
        _inside_chance,
    ),
    Rule(_BY_MODEL, "Verdicts on {total} pairs of emotions in one model: {counts}.", _tally, by=("reference",)),
    Rule(
        _BY_MODEL,
        "{model}: every mean cosine is above 0.9 ({low:.4f} to {high:.4f}), so its emotions differ in a small part "
        "of their vectors only.",
        _all_high,
        by=("model",),
    ),
    Rule(_BY_MODEL, "The order of the pairs from lowest to highest cosine {answer}.", _same_order),
    Rule(
        _BY_MODEL,
        "{model}: a pair's mean cosine differs by at most {spread:.4f} between {datasets}.",
        _between_datasets,
        by=("model",),
    ),
    Rule(
        _SHIFT,
        "{model}: {share:.0%} of {dataset_b} is in {dataset_a}, too. Against the rest and without noise, at {total} "
        "single layers: {counts}.",
        _same_on_both,
        by=("model", "dataset_a", "dataset_b"),
    ),
    Rule(
        "vector_norms_by_layer",
        "{model}: the longest vector relative to the reference's activations is that of {emotion} on "
        "{dataset} at {place}, with {relative_norm:.4f} of their length.",
        _longest,
        by=("model",),
    ),
    Rule(
        _BY_LAYER,
        "{model}: at layer {layers} a vector has no length, so its cosines are not defined there.",
        _no_length,
        by=("model",),
    ),
)
"""Said of everything together."""

NEXT_STEPS = (
    Rule(
        "extractions",
        "Add a model of equal width ({widths}) to get raw cosines between models: emo run -m MODEL.",
        _widths_differ,
    ),
    Rule("extractions", "Add a second model to compare {model} with: emo run -m MODEL.", _only_model),
    Rule(
        "extractions",
        "All activations are pooled as {pooling}; see whether the numbers depend on it: emo run --recipe concepts.",
        _only_pooling,
    ),
    Rule(
        _BY_MODEL,
        "All vectors share the reference {reference}, which alone makes them similar; measure each emotion against "
        "the others: emo compare --reference others.",
        _shared_reference,
    ),
)
"""What the numbers leave open, with the command that goes on."""

CONCLUSION = (
    Rule(
        _BY_MODEL,
        "Vectors of {emotions} were made from {datasets} in {models}. {count} of {total} mean cosines between two "
        "emotions of a model lie above their permutation null.",
        _summary,
    ),
    Rule(_BY_MODEL, "Verdicts on {total} pairs of emotions: {counts}.", _tally),
    *KEY_FINDINGS[1:],
)
"""The outcome in a few sentences."""
