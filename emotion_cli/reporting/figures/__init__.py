"""Rows to pictures: the same rows give the same bytes, in PNG and SVG. Nothing here knows the store."""

from emotion_cli.reporting.figures.cross_model import cross_model
from emotion_cli.reporting.figures.dataset_shift import dataset_shift
from emotion_cli.reporting.figures.norms import layer_norms
from emotion_cli.reporting.figures.quality import direction_quality
from emotion_cli.reporting.figures.within_model import emotion_distances, similarity_heatmap

FIGURES_VERSION = 2
"""Raise it when a figure is drawn differently, so that stored figures are drawn again."""

__all__ = [
    "FIGURES_VERSION", "cross_model", "dataset_shift", "direction_quality", "emotion_distances", "layer_norms",
    "similarity_heatmap",
]  # fmt: skip
