"""The figures of a section, each beside the text that it belongs to."""

from collections.abc import Collection, Iterable
from typing import Any

from emotion_cli.reporting.report.blocks import Figure, plain
from emotion_cli.reporting.report.facts import Facts, Picture
from emotion_cli.reporting.report.language import Language

DIRECTIONS = ("direction_quality", "test_sets", "layer_norms")
WITHIN = ("emotion_similarity", "emotion_distances", "similarity_heatmap")
ACROSS = ("cross_model", "aligned_cosine", "transfer_auroc", "geometry", "cka_debiased", "rsa", "subspace_overlap", "consensus")
SHIFT = ("dataset_shift",)
PLACED = (*DIRECTIONS, *WITHIN, *ACROSS, *SHIFT)
"""Kinds of figures, each by how the names of its files begin."""

FRONT = "test_sets"
"""The kind of figure on page one."""


def kind_of(picture: Picture) -> str | None:
    """The kind of a figure; None for one that no section knows."""
    matching = [kind for kind in PLACED if picture.name == kind or picture.name.startswith(f"{kind}_")]
    return max(matching, key=len, default=None)


def front_picture(facts: Facts) -> Picture | None:
    """The figure of page one: the first model on the first of the largest training sets; it is in no other section."""
    sizes = {row["dataset"]: row["n_prompts"] for row in facts.of("extractions")}
    candidates = [picture for picture in facts.pictures if picture.name == FRONT and picture.dataset in sizes]
    return max(candidates, key=lambda picture: sizes[picture.dataset], default=None)


def figures(facts: Facts, words: Language, kinds: Collection[str], **equal: Any) -> Iterable[Figure]:
    """The figures of some kinds whose fields have the given values."""
    front = front_picture(facts)
    for picture in facts.pictures:
        if (
            picture is not front
            and kind_of(picture) in kinds
            and all(getattr(picture, name) == value for name, value in equal.items())
        ):
            yield figure(picture, words)


def figure(picture: Picture, words: Language) -> Figure:
    """A figure with its caption; one of an unknown kind is named as its file is."""
    kind = kind_of(picture)
    known = words.figure(kind) if kind else None
    about = picture.name.removeprefix(kind or "").strip("_").replace("_", " ")
    caption, alt = known or ((picture.name.replace("_", " "),), picture.name.replace("_", " "))
    subject = words.text("subject").join(filter(None, [picture.dataset, picture.subject, about if kind in ACROSS else ""]))
    return Figure(
        picture,
        words.sentence("figure", subject=subject, caption=caption),
        plain(words.sentence("alt", subject=subject, alt=alt)),
    )
