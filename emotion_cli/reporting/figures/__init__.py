"""Rows to pictures: the same rows give the same bytes, in PNG and SVG. Nothing here knows the store."""

from emotion_cli.reporting.figures.alignment import aligned_cosine, geometry, layer_by_layer, subspace_overlap, transfer_auroc
from emotion_cli.reporting.figures.captions import CAPTIONS, Caption
from emotion_cli.reporting.figures.consensus import consensus
from emotion_cli.reporting.figures.cross_model import raw_cosine
from emotion_cli.reporting.figures.dataset_shift import dataset_shift
from emotion_cli.reporting.figures.heads import heads_by_block
from emotion_cli.reporting.figures.norms import l2_norm, relative_norm, relative_norm_by_depth
from emotion_cli.reporting.figures.places import scores_by_place
from emotion_cli.reporting.figures.quality import direction_quality, test_sets
from emotion_cli.reporting.figures.shares import shares_by_layer
from emotion_cli.reporting.figures.sheet import Sheet
from emotion_cli.reporting.figures.steering import dose_response, responses, steering_matrix
from emotion_cli.reporting.figures.svg import Description, described
from emotion_cli.reporting.figures.within_model import emotion_similarity, similarity_heatmap
from emotion_cli.reporting.figures.words import more_than_words

FIGURES_VERSION = 10
"""Raise it when a figure is drawn differently, so that stored figures are drawn again."""

__all__ = [
    "CAPTIONS",
    "FIGURES_VERSION",
    "Caption",
    "Description",
    "Sheet",
    "aligned_cosine",
    "consensus",
    "dataset_shift",
    "described",
    "direction_quality",
    "dose_response",
    "emotion_similarity",
    "geometry",
    "heads_by_block",
    "l2_norm",
    "layer_by_layer",
    "more_than_words",
    "raw_cosine",
    "relative_norm",
    "relative_norm_by_depth",
    "responses",
    "scores_by_place",
    "shares_by_layer",
    "similarity_heatmap",
    "steering_matrix",
    "subspace_overlap",
    "test_sets",
    "transfer_auroc",
]
