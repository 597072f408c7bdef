"""The figures of a section, each beside the text that it belongs to."""

from collections.abc import Collection, Iterable

from emotion_cli.reporting.report.blocks import Figure
from emotion_cli.reporting.report.facts import Facts, Picture
from emotion_cli.reporting.report.language import Language

FRONT = "more_than_words"
"""The kind of figure on page one: it answers the report's question, and is of all directions."""

DIRECTIONS = ("direction_quality", "test_sets", "scores_by_place", "heads_by_block", "relative_norm", "l2_norm")
WITHIN = ("emotion_similarity", "similarity_heatmap")
ACROSS = (
    *("raw_cosine", "relative_norm_by_depth", "aligned_cosine", "transfer_auroc", "geometry", "cka_debiased", "rsa"),
    *("subspace_overlap", "consensus"),
)
SHIFT = ("dataset_shift",)
STEERED = ("responses", "dose_response", "steering_matrix", "shares_by_layer")
PLACED = (FRONT, *DIRECTIONS, *WITHIN, *ACROSS, *STEERED, *SHIFT)
"""Kinds of figures that stand in a section; others stand at the end."""


def front_picture(facts: Facts) -> Picture | None:
    """The figure of page one."""
    return next((picture for picture in facts.pictures if picture.kind == FRONT), None)


def figures(facts: Facts, words: Language, kinds: Collection[str], dataset: str) -> Iterable[Figure]:
    """The figures of a dataset that are of some kinds."""
    for picture in facts.pictures:
        if picture.kind in kinds and picture.dataset == dataset:
            yield figure(picture, words)


def figure(picture: Picture, words: Language) -> Figure:
    """A figure with its caption."""
    subject = words.subject_of(picture)
    caption = words.sentence("figure", subject=subject, caption=words.caption_of(picture))
    return Figure(picture, caption, words.text("alt", subject=subject, alt=words.alt(picture.kind)))
