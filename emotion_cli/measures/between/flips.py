"""The null of a carried direction: the signs of the target direction's coordinates are flipped at random.

The coordinates are those in the principal components of the target model's prompts with each label's mean removed, and one
more for what lies outside their span. A cosine is the sum over coordinates of `c_j w_j / (|c| |w|)`; a draw of its null is the
same sum with random signs. So a draw keeps how long both directions are along every component, and forgets whether they agree
there. It is linear: the parts of the sum are averaged over splits and layers, and all draws are one matrix product.
"""

import numpy as np

from emotion_cli.measures.between.space import Space, coordinates_of, spectrum_of
from emotion_cli.measures.inference.relabelling import Design
from emotion_cli.measures.inference.sampling import Sampling


def axes_of(space: Space, design: Design) -> np.ndarray:
    """Coordinates [prompt, component] of all prompts in the principal components of the design's, label means removed."""
    rows = design.rows.ravel()
    spectrum = spectrum_of(space.gram[np.ix_(rows, rows)], len(design.labels))
    return coordinates_of(space.gram[:, rows], spectrum, len(design.labels), len(spectrum.values))


def signs_of(design: Design, sampling: Sampling) -> np.ndarray:
    """Signs [draw, 1 + component], -1 or 1, by the rank of a component; the first are of what lies outside all components.

    All layers, models and measures share them, so that means over layers have a null from the same draws.
    """
    shape = sampling.draws, 1 + design.rows.size
    return 2.0 * sampling.generator("signs").integers(0, 2, size=shape) - 1


def parts_of(carried: np.ndarray, towards: np.ndarray, cosines: np.ndarray, scale: np.ndarray, n: int) -> np.ndarray:
    """What each coordinate adds to cosines [..., n], from coordinates [..., component] of both directions.

    `scale` [...] is the product of the directions' lengths. Places beyond the components are 0.
    """
    along = carried * towards / scale[..., None]
    parts = np.zeros((*cosines.shape, n))
    parts[..., 0] = cosines - along.sum(-1)
    parts[..., 1 : 1 + along.shape[-1]] = along
    return parts
