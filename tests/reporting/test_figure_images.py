"""Figures look as they did: compared with stored images, drawn with matplotlib's own fonts.

To store them anew after a change, and look at each: pytest -n 0 tests/reporting/test_figure_images.py --mpl-generate-path=tests/reporting/images
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib import font_manager

from tests.helpers import figure_rows

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"

pytestmark = pytest.mark.skipif(
    f"matplotlib=={matplotlib.__version__}\n" not in CONSTRAINTS.read_text(), reason="another matplotlib draws differently"
)
compared: Callable[..., Any] = pytest.mark.mpl_image_compare(
    baseline_dir="images",
    style="default",
    tolerance=2,
    savefig_kwargs={"dpi": 40, "facecolor": "white", "metadata": {"Software": None}},
)

FEW, MANY = figure_rows.GO_EMOTIONS[:3], figure_rows.GO_EMOTIONS[:9]
IMAGES = {
    **{
        f"{name}_of_few": (FEW, name)
        for name in ("direction_quality", "emotion_similarity", "similarity_heatmap", "aligned_cosine")
    },
    **{f"{name}_of_few": (FEW, name) for name in ("raw_cosine", "consensus")},
    **{f"more_than_words_of_{case}": (emotions, "more_than_words") for case, emotions in (("few", FEW), ("many", MANY))},
    **{f"{name}_of_many": (MANY, name) for name in ("emotion_similarity", "similarity_heatmap", "l2_norm")},
    "cka_debiased": (FEW, "cka_debiased"),
    **{f"{name}_of_few": (FEW, name) for name in ("responses", "dose_response", "steering_matrix", "shares_by_layer")},
    "responses_of_many": (MANY, "responses"),
}


@pytest.fixture(autouse=True)
def matplotlibs_own_fonts(monkeypatch):
    own = [font for font in font_manager.fontManager.ttflist if font.fname.startswith(matplotlib.get_data_path())]
    assert own
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    font_manager.fontManager._findfont_cached.cache_clear()
    yield
    font_manager.fontManager._findfont_cached.cache_clear()


@pytest.mark.parametrize("image", IMAGES)
@compared
def test_a_figure_looks_as_it_did(image):
    emotions, name = IMAGES[image]
    return figure_rows.sheets(emotions, figure_rows.MODELS[:3])[name]().figure()
