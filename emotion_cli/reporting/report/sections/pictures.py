"""The figures of a section, each beside the text that it belongs to."""

from collections.abc import Collection, Iterable

from emotion_cli.reporting.report.blocks import Figure
from emotion_cli.reporting.report.facts import Facts, Picture
from emotion_cli.reporting.report.language import Language

DIRECTIONS = ("direction_quality", "test_sets", "scores_by_place", "heads_by_block", "relative_norm", "l2_norm")
WITHIN = ("emotion_similarity", "similarity_heatmap")
ACROSS = (
    *("raw_cosine", "relative_norm_by_depth", "aligned_cosine", "transfer_auroc", "geometry", "cka_debiased", "rsa"),
    *("subspace_overlap", "consensus"),
)
SHIFT = ("dataset_shift",)
STEERED = ("responses", "dose_response", "steering_matrix")
PLACED = (*DIRECTIONS, *WITHIN, *ACROSS, *STEERED, *SHIFT)
"""Kinds of figures that stand in a section; others stand at the end."""

FRONT = "test_sets"
"""The kind of figure on page one."""


def front_picture(facts: Facts) -> Picture | None:
    """The figure of page one: the first model on the first of the largest training sets; it is in no other section."""
    sizes = {row["dataset"]: row["n_prompts"] for row in facts.of("extractions")}
    candidates = [picture for picture in facts.pictures if picture.kind == FRONT and picture.dataset in sizes]
    return max(candidates, key=lambda picture: sizes[picture.dataset], default=None)


def figures(facts: Facts, words: Language, kinds: Collection[str], dataset: str) -> Iterable[Figure]:
    """The figures of a dataset that are of some kinds."""
    front = front_picture(facts)
    for picture in facts.pictures:
        if picture is not front and picture.kind in kinds and picture.dataset == dataset:
            yield figure(picture, words)


def figure(picture: Picture, words: Language) -> Figure:
    """A figure with its caption."""
    caption = words.sentence("figure", subject=picture.subject, caption=words.caption_of(picture))
    return Figure(picture, caption, words.text("alt", subject=picture.subject, alt=words.alt(picture.kind)))
