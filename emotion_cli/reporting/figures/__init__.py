"""Rows to pictures: the same rows give the same bytes, in PNG and SVG. Nothing here knows the store."""

from emotion_cli.reporting.figures.alignment import aligned_cosine, geometry, layer_by_layer, subspace_overlap, transfer_auroc
from emotion_cli.reporting.figures.consensus import consensus
from emotion_cli.reporting.figures.cross_model import cross_model
from emotion_cli.reporting.figures.dataset_shift import dataset_shift
from emotion_cli.reporting.figures.heads import heads_by_block
from emotion_cli.reporting.figures.norms import layer_norms
from emotion_cli.reporting.figures.places import scores_by_place
from emotion_cli.reporting.figures.quality import direction_quality, test_sets
from emotion_cli.reporting.figures.within_model import emotion_distances, similarity_heatmap

FIGURES_VERSION = 6
"""Raise it when a figure is drawn differently, so that stored figures are drawn again."""

__all__ = [
    "FIGURES_VERSION",
    "aligned_cosine",
    "consensus",
    "cross_model",
    "dataset_shift",
    "direction_quality",
    "emotion_distances",
    "geometry",
    "heads_by_block",
    "layer_by_layer",
    "layer_norms",
    "scores_by_place",
    "similarity_heatmap",
    "subspace_overlap",
    "test_sets",
    "transfer_auroc",
]
