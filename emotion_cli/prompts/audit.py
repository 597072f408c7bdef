"""Surface features and words of a prompt set, and what they mean in plain words (docs/methods.md, the audit)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from emotion_cli.prompts.scripts import words_of
from emotion_cli.prompts.words import WordList

LIMIT = 0.70
"""A set passes when no surface AUROC's interval reaches this."""

WORDS_LIMIT = 0.70
"""A set does not pass when the lower end of the interval of the words' AUROC is above this."""

CONFOUND = 0.55
"""A single feature is named as a confound when the lower end of its own AUROC's interval is above this."""

FEATURES = {"final_char": "final character", "first_word": "first word", "n_words": "number of words"}
"""The surface features, as sentences name them."""


class PromptRow(NamedTuple):
    """The surface features of one prompt."""

    emotion: str
    topic: str | None
    text: str
    n_copies: int
    cluster: str | None = None

    @property
    def n_words(self) -> int:
        """Words, as `words_of` counts them."""
        return len(words_of(self.text))

    @property
    def final_char(self) -> str:
        """The last character."""
        return self.text.rstrip()[-1]


@dataclass(frozen=True)
class LabelCounts:
    """One label: how many prompts, how long, how they begin and end, and how many name the label's own words."""

    emotion: str
    n_prompts: int
    n_repeated: int
    mean_words: float
    min_words: int
    max_words: int
    final_char: str
    final_char_share: float
    first_word: str
    first_word_share: float
    own_word_share: float
    complete_share: float


class Area(NamedTuple):
    """A surface AUROC with the ends of its interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def first_word(text: str) -> str:
    """The first word of a text, in lower case."""
    return words_of(text)[0].lower()


def counts_by_label(rows: Sequence[PromptRow], words: WordList) -> list[LabelCounts]:
    """The counts of each label; `words` are the labels' own words (a label itself where it has none)."""
    labels = sorted({row.emotion for row in rows})
    known = WordList({label: words.words.get(label, (label,)) for label in labels})
    topics = defaultdict(set)
    for row in rows:
        if row.topic is not None:
            topics[row.topic].add(row.emotion)
    n_complete = sum(len(present) == len(labels) for present in topics.values())
    counts = []
    for label in labels:
        of_label = [row for row in rows if row.emotion == label]
        named = [bool(known.spans(row.text, label)) for row in of_label]
        (final, n_final), (first, n_first) = _most_common(of_label, "final_char"), _most_common(of_label, "first_word")
        lengths = [row.n_words for row in of_label]
        counts.append(
            LabelCounts(
                label,
                len(of_label),
                sum(row.n_copies - 1 for row in of_label),
                sum(lengths) / len(of_label),
                min(lengths),
                max(lengths),
                final,
                n_final / len(of_label),
                first,
                n_first / len(of_label),
                sum(named) / len(of_label),
                n_complete / len(topics) if topics else 0.0,
            )
        )
    return counts


def confound(feature: str, rows: Sequence[PromptRow], a: str, b: str, area: Area) -> str | None:
    """A sentence on one feature that tells two labels apart, with its numbers; None where it does not."""
    if area.low is None or area.low <= CONFOUND or area.value is None:
        return None
    effect = (
        f"the {FEATURES[feature]} alone separates them with AUROC {area.value:.2f}: a direction may have learned that "
        "instead of an emotion"
    )
    by_label = {label: [row for row in rows if row.emotion == label] for label in (a, b)}
    if feature == "n_words":
        means = {label: sum(row.n_words for row in members) / len(members) for label, members in by_label.items()}
        return f"{a} prompts have {means[a]:.1f} words, {b} prompts {means[b]:.1f}; {effect}"
    shares = {label: _shares(members, feature) for label, members in by_label.items()}
    value = max({*shares[a], *shares[b]}, key=lambda value: (abs(shares[a].get(value, 0) - shares[b].get(value, 0)), value))
    verb = "end in" if feature == "final_char" else "begin with"
    return (
        f"{shares[a].get(value, 0):.0%} of {a} prompts {verb} {value!r}, {shares[b].get(value, 0):.0%} of {b} prompts; {effect}"
    )


def failure(a: str, b: str, area: Area) -> str | None:
    """Why a pair of labels does not pass, in one sentence; None when it does."""
    if area.value is None or area.high is None:
        return f"{a} and {b}: too few topics to tell whether their texts differ on the surface"
    if area.high < LIMIT:
        return None
    if area.low is not None and area.low <= 0.5:
        return (
            f"{a} and {b}: too few topics to rule out that final character, number of words and first word tell them apart "
            f"(AUROC {area.value:.2f}, {area.low:.2f} to {area.high:.2f})"
        )
    return (
        f"{a} and {b}: final character, number of words and first word alone give AUROC {area.value:.2f} "
        f"({area.low:.2f} to {area.high:.2f}); a direction that separates them no better has not been shown to be about "
        "emotion"
    )


def told_by_words(a: str, b: str, area: Area) -> str | None:
    """That words alone tell a pair of labels apart, or may where topics are too few, in one sentence; None where they do not."""
    if area.low is None:
        reached = "" if area.value is None else f" (AUROC {area.value:.2f} on these)"
        return f"{a} and {b}: too few topics to tell whether words alone tell them apart{reached}"
    if area.value is None or area.low <= WORDS_LIMIT:
        return None
    return (
        f"{a} and {b}: words alone give AUROC {area.value:.2f} ({area.low:.2f} to {area.high:.2f}) on topics not seen; "
        "a direction that separates them no better may be a direction of words"
    )


class Verdict(NamedTuple):
    """Whether a set passes, and one line on it."""

    passes: bool
    text: str


def verdict(dataset: str, areas: Mapping[tuple[str, str], Area], words: Mapping[tuple[str, str], Area]) -> Verdict:
    """One line on the whole set, from the AUROC of every two labels by surface features and by words."""
    failed = [pair for pair, area in areas.items() if failure(*pair, area)]
    told = [pair for pair, area in words.items() if area.low is not None and told_by_words(*pair, area)]
    untold = [pair for pair, area in words.items() if area.low is None]
    faults = []
    if failed:
        faults.append(f"{len(failed)} of {len(areas)} pairs of labels can be predicted from surface features, or may be")
    if told:
        faults.append(f"words alone tell {len(told)} of {len(words)} pairs of labels apart")
    if untold:
        faults.append(f"too few topics to tell whether words alone tell {len(untold)} of {len(words)} pairs of labels apart")
    numbers = _largest("surface", areas) + _largest("words", words)
    if not faults:
        return Verdict(True, f"audit of {dataset}: passes{numbers}")
    return Verdict(False, f"audit of {dataset}: {'; '.join(faults)}{numbers}; see: emo datasets audit {dataset}")


def _largest(of: str, areas: Mapping[tuple[str, str], Area]) -> str:
    """The pair of labels whose interval reaches highest."""
    defined = {pair: area for pair, area in areas.items() if area.value is not None and area.high is not None}
    if not defined:
        return ""
    worst = max(defined, key=lambda pair: (defined[pair].high, pair))
    return f"; largest {of} AUROC {defined[worst].value:.2f}, up to {defined[worst].high:.2f}, {' and '.join(worst)}"


def _most_common(rows: Sequence[PromptRow], feature: str) -> tuple[str, int]:
    counts = Counter(_value(row, feature) for row in rows)
    return max(counts.items(), key=lambda item: (item[1], item[0]))


def _shares(rows: Sequence[PromptRow], feature: str) -> dict[str, float]:
    counts = Counter(_value(row, feature) for row in rows)
    return {value: n / len(rows) for value, n in counts.items()}


def _value(row: PromptRow, feature: str) -> str:
    return row.final_char if feature == "final_char" else first_word(row.text)
