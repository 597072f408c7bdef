"""The prompts that everything rests on: the sets, what the audit says of them, and the models that read them."""

from collections.abc import Callable, Iterable, Sequence

from emotion_cli.reporting.report.blocks import Block, Heading, Paragraph
from emotion_cli.reporting.report.facts import Facts, Row, grouped
from emotion_cli.reporting.report.language import Language
from emotion_cli.reporting.report.sections.ends import labels_listed
from emotion_cli.reporting.report.statements import Numbers, Statement, listed, reads
from emotion_cli.reporting.report.tables import Layout, number, text

COUNTS, AUDIT = "prompt_counts_by_emotion", "prompt_audit_by_pair"

FEW = 10
"""With fewer prompts of a label, page one says so."""

CONCENTRATED, MIXED = 0.5, 0.02
"""As in `emotion_cli.measures.profile`, which this package does not read; a test holds them equal."""

UNUSUAL: tuple[tuple[str, str, Callable[[float], bool]], ...] = (
    ("top3_variance_share", "concentrated", lambda share: share > CONCENTRATED),
    ("sink_share", "sinks", lambda share: MIXED < share < 1 - MIXED),
    ("low_outlier_share", "low_outliers", lambda share: MIXED < share < 1 - MIXED),
)
"""Columns of a layer's profile, what is said of them, and when."""

SETS = Layout(
    "sets",
    COUNTS,
    (
        text("dataset"),
        text("role"),
        text("labels"),
        number("prompts", "d", "n_prompts"),
        number("topics", "d", "n_topics"),
        number("mean_words", ".1f"),
    ),
)
AUDITED = Layout(
    "audit",
    AUDIT,
    (
        text("dataset"),
        text("pair"),
        number("surface_auroc", ".2f", "surface_auroc", "ci_low", "ci_high"),
        number("words_auroc", ".2f", "words_auroc", "words_ci_low", "words_ci_high"),
        text("audit", "said"),
    ),
)
READ_BY = Layout(
    "models",
    "extractions",
    (
        text("dataset"),
        text("model"),
        text("architecture"),
        number("blocks", "d", "n_layers"),
        number("dimensions", "d", "d_model"),
        number("prompts", "d", "n_prompts"),
        number("tokens", "d", "n_tokens"),
    ),
)


def _failed(verdict: str, column: str) -> Callable[[Sequence[Row], Language], Numbers | None]:
    """Which sets have pairs of labels with a verdict of the audit, how many of how many, and the largest AUROC among them."""

    def numbers(rows: Sequence[Row], words: Language) -> Numbers | None:
        failed = [row for row in rows if row["verdict"] == verdict]
        datasets = list(dict.fromkeys(row["dataset"] for row in failed))
        total = sum(row["dataset"] in datasets for row in rows)
        named = {"datasets": words.listed(datasets), "failed": len(failed), "total": total}
        known = [row[column] for row in failed if row[column] is not None]
        return {**named, "reached": words.text("reached", auroc=max(known)) if known else ""} if failed else None

    return numbers


def _few(rows: Sequence[Row], words: Language) -> Numbers | None:
    fewest = min(rows, key=lambda row: row["n_prompts"])
    return {"least": fewest["n_prompts"], "label": fewest["emotion"]} if fewest["n_prompts"] < FEW else None


def _unusual(rows: Sequence[Row], words: Language) -> Numbers | None:
    parts = []
    for name, message, is_unusual in UNUSUAL:
        at = {row["layer"]: row[name] for row in rows if row[name] is not None and is_unusual(row[name])}
        if at:
            place = words.text("at_one_layer" if len(at) == 1 else "at_layers", count=len(at), first=min(at), last=max(at))
            parts.append(words.text(message, share=max(at.values()), place=place))
    return {"what": words.listed(parts)} if parts else None


def _not_centred(rows: Sequence[Row], words: Language) -> Numbers | None:
    models = [
        words.text("model_and_kind", model=row["model"], kind=row["architecture"] or words.text("not_known"))
        for row in rows
        if not row["ignores_mean"]
    ]
    return {"models": words.listed(dict.fromkeys(models))} if models else None


FAULTS = (
    Statement("few_prompts", COUNTS, _few, by=("dataset",)),
    Statement("audit_surface", AUDIT, _failed("surface features tell them apart, or may", "surface_auroc")),
    Statement("audit_words", AUDIT, _failed("words tell them apart", "words_auroc")),
    Statement("audit_few", AUDIT, _failed("too few topics to tell", "words_auroc")),
)
"""What a reader has to know of the prompts before any number."""

PROFILES = (Statement("unusual_activations", "layer_profiles", _unusual, by=("dataset", "model")),)

CENTRING = (Statement("not_centred", "extractions", _not_centred),)
"""Said of methods that take the mean over dimensions away."""

READS = ("extractions", *reads(FAULTS, PROFILES))


def write(facts: Facts, words: Language) -> Iterable[Block]:
    """Sets with their roles, the audit with its faults, the models, and what is unusual in their activations."""
    yield SETS.of(_sets(facts, words), words)
    if audited := _audited(facts, words):
        yield Heading(words.heading("audit"))
        yield Paragraph(words.sentence("audit_means"))
        yield AUDITED.of(audited, words)
    yield Heading(words.heading("models"))
    yield READ_BY.of(facts.of("extractions"), words)
    yield from listed((*CENTRING, *PROFILES) if facts.is_centred else PROFILES, facts, words)


def _sets(facts: Facts, words: Language) -> list[Row]:
    """A row for all labels of a set that have the same counts."""
    columns = ("dataset", "role", "n_prompts", "n_topics", "mean_words")
    return [
        {**key, "role": words.text(key["role"]), "labels": labels_listed((row["emotion"] for row in members), words)}
        for key, members in grouped(sorted(facts.of(COUNTS), key=lambda row: row["role"] != "train"), columns)
    ]


def _audited(facts: Facts, words: Language) -> list[Row]:
    """Of each set the pair of labels that words tell apart best."""
    rows = []
    for _, members in grouped(facts.of(AUDIT), ("dataset",)):
        worst = max(members, key=lambda row: (row["verdict"] != "passes", row["words_auroc"] or 0, row["surface_auroc"] or 0))
        pair = words.text("pair", a=worst["emotion_a"], b=worst["emotion_b"])
        rows.append({**worst, "pair": pair, "said": words.verdict(worst["verdict"])})
    return rows
