"""How often aligned directions of simulated models are called shared, or the same emotion, where the truth is known.

Two models read the same texts: each prompt has a place in a content space, whose dimensions have unequal spread (`anisotropic`)
or equal spread, and each model turns that space in its own way and adds noise. What labels do to a model is stated by each test.
Old rates are those of version 0.2 on the same worlds (15 splits, 200 draws): labels exchanged as null, and the margin over the
largest other cosine as specificity. Seeds were fixed before the first run.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.alignment import aligned
from emotion_cli.measures.between.space import space_of
from emotion_cli.measures.inference.relabelling import design_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import Labels
from warehouse.library import queries

LABELS = ("anger", "apology", "gratitude", "neutral")
EMOTIONS = LABELS[:3]
CONTENT, WIDTH = 30, 40
DRAWS, SPLITS = 200, 8
LEVEL = 0.05
ISOTROPIC, ANISOTROPIC, STEEP = 1.0, 0.9, 0.75
"""By what factor the spread of one dimension of content differs from the next."""


def each(work, numbers):
    for number in numbers:
        work(number)


class Texts(NamedTuple):
    """A random direction of content, and a random direction of a model's whole space that is as long."""

    content: Callable[[], np.ndarray]
    anywhere: Callable[[], np.ndarray]
    turns: list[np.ndarray]


Effects = Callable[[Texts, int], list[np.ndarray]]
"""What labels add in one model (by number), for each emotion [width]."""


def world(make_effects, seed, *, topics, decay):
    """Activations [prompt, width] of two models; `make_effects` gets the texts and says what labels add."""
    rng = np.random.default_rng([16, seed])
    spread = 2.0 * decay ** np.arange(CONTENT) + 0.1
    turns = [np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0][:CONTENT] for _ in range(2)]

    def anywhere():
        direction = rng.normal(size=WIDTH)
        return direction / np.linalg.norm(direction) * np.linalg.norm(spread)

    texts = Texts(lambda: rng.normal(size=CONTENT) * spread, anywhere, turns)
    effects = make_effects(texts)
    places = (0.7 * rng.normal(size=(topics, 1, CONTENT)) + rng.normal(size=(topics, 4, CONTENT))) * spread
    models = []
    for number, turn in enumerate(turns):
        means = np.array([*effects(number), np.zeros(WIDTH)])
        rows = places @ turn + means + 0.5 * rng.normal(size=(topics, 4, WIDTH))
        models.append(rows.reshape(4 * topics, WIDTH))
    return models


def labels_of(topics):
    return Labels(LABELS * topics, [f"topic {i // 4:03d}" for i in range(4 * topics)], EMOTIONS, "neutral")


class Called(NamedTuple):
    """Whether one emotion, carried one way, is called shared, and the same emotion."""

    emotion: str
    shared: bool
    same: bool


def calls(make_effects, *, worlds, topics=30, decay=ANISOTROPIC):
    """What is said of every emotion of some worlds, both ways, by ridge: the rule of the verdict with p in the place of q."""
    design, said = design_of(labels_of(topics)), []
    for seed in range(worlds):
        a, b = (space_of(rows @ rows.T) for rows in world(make_effects, seed, topics=topics, decay=decay))
        results = aligned([(a, b)], design, Sampling(seed, DRAWS, ("w",)), neutral="none", each=each, splits=SPLITS)
        statistics = {
            (one.mapping, one.emotion, one.measure): one.sampled.statistic(topics) for one in results if one.fit == "ridge"
        }
        for mapping in ("a_to_b", "b_to_a"):
            for emotion in EMOTIONS:
                cosine, others, specificity = (
                    statistics[mapping, emotion, f"aligned_{name}"] for name in ("cosine", "cosine_others", "specificity")
                )
                same = all(beyond(one) and one.interval.low > 0 for one in (others, specificity))
                said.append(Called(emotion, beyond(cosine), same))
    return said


def beyond(statistic):
    return statistic.null.p_value is not None and statistic.null.p_value < LEVEL


def rate(said, what, emotions=EMOTIONS):
    return np.mean([getattr(one, what) for one in said if one.emotion in emotions])


def generic_only(texts):
    """One contrast with neutral for all emotions; each model has parts of its own besides, small for gratitude."""
    contrast = 1.5 * texts.content()
    return lambda number: [contrast @ texts.turns[number] + size * texts.anywhere() for size in (1.2, 1.2, 0.2)]


def independent(texts):
    """Every model has its own direction of every emotion, within the content."""
    return lambda number: [1.5 * texts.content() @ texts.turns[number] for _ in EMOTIONS]


def the_same(texts):
    """A contrast and a part of each emotion, the same in both models."""
    contrast, parts = texts.content(), [1.5 * texts.content() for _ in EMOTIONS]
    return lambda number: [(contrast + part) @ texts.turns[number] for part in parts]


def own_inside_content(texts):
    """One contrast for all emotions; each model has parts of its own besides, within the content."""
    contrast = 1.5 * texts.content()
    return lambda number: [(contrast + 1.2 * texts.content()) @ texts.turns[number] for _ in EMOTIONS]


def one_shared(texts):
    """Anger is the same in both models; apology and gratitude are each model's own."""
    contrast, anger = texts.content(), 1.5 * texts.content()

    def effects(number):
        parts = [anger, 1.5 * texts.content(), 1.5 * texts.content()]
        return [(contrast + part) @ texts.turns[number] for part in parts]

    return effects


def stronger_for_anger(texts):
    """One contrast, four times as strong for anger in both models; each model has parts of its own besides."""
    contrast = texts.content()
    return lambda number: [size * contrast @ texts.turns[number] + 1.5 * texts.anywhere() for size in (4.0, 1.0, 1.0)]


def test_a_generic_contrast_alone_is_not_the_same_emotion():
    """Old: gratitude was called the same in 80 % of 80 cases, for its own part is small. New: none of 80."""
    said = calls(generic_only, worlds=50)
    assert rate(said, "same", ["gratitude"]) <= 0.06
    assert rate(said, "same") <= 0.04
    # what they share is found all the same
    assert rate(said, "shared", ["gratitude"]) >= 0.9


def test_independent_directions_in_steep_content_are_not_shared():
    """Old: labels exchanged took the distance of classes away, and 19 % of 300 cases were shared. New: 5 % of 1,200."""
    said = calls(independent, worlds=80, decay=STEEP)
    assert rate(said, "shared") <= 0.10
    assert rate(said, "same") <= 0.04


def test_the_same_emotions_are_found():
    """Old: 98 % of 240 cases. New: 95 %."""
    said = calls(the_same, worlds=40, decay=ISOTROPIC)
    assert rate(said, "same") >= 0.85
    assert rate(said, "shared") >= 0.95


def test_parts_of_one_model_inside_the_content_are_not_the_same_emotion():
    """Old: 5 % of 240 cases. New: 0.4 %. (Specificity alone: 2 to 3 %.)"""
    assert rate(calls(own_inside_content, worlds=50), "same") <= 0.035


def test_one_shared_emotion_does_not_make_the_others_the_same():
    """Old: the two others were the same in 7.5 % of 160 cases. New: 2.5 %. Anger: 94 %, now 53 %."""
    said = calls(one_shared, worlds=50)
    assert rate(said, "same", ["apology", "gratitude"]) <= 0.06
    assert rate(said, "same", ["anger"]) >= 0.35


def test_a_contrast_that_is_stronger_for_one_emotion_may_look_like_the_same_emotion():
    """Old: anger was the same in 58 % of 80 cases. New: 20 %; with 100 topics 15 to 43 %. So the verdict says it may be that."""
    said = calls(stronger_for_anger, worlds=30, topics=60, decay=ISOTROPIC)
    assert rate(said, "same", ["anger"]) <= 0.4
    assert rate(said, "same", ["apology", "gratitude"]) <= 0.03
    assert "or a contrast that is stronger for this emotion in both" in queries()["cross_model_alignment_by_layer"].sql


def test_labels_that_mean_nothing_share_nothing():
    """Old: 3.7 % of 360 cases. New: 4.7 %."""
    said = calls(lambda _: lambda _: [np.zeros(WIDTH)] * 3, worlds=60)
    assert rate(said, "shared") <= 0.10
    assert rate(said, "same") <= 0.02
