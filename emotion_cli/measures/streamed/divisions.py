"""How the prompts of all directions are divided into folds and halves: one division for directions that share their labels."""

from functools import cached_property

from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import OTHERS, Labels, emotions_of
from emotion_cli.measures.streamed.separations import Divided, divided


class Divisions:
    """The divisions of labels with the draws of `sampling`."""

    def __init__(self, labels: Labels, sampling: Sampling) -> None:
        self.labels, self.sampling = labels, sampling

    @cached_property
    def every(self) -> list[Divided]:
        """One for each direction, or one for all where each emotion is against the others."""
        labels = self.labels
        if labels.reference == OTHERS:
            return [divided(labels, labels.emotions, labels.emotions, self.sampling)]
        return [divided(labels, [emotion], labels.labels_used(emotion), self.sampling) for emotion in labels.emotions]

    @cached_property
    def of_all_labels(self) -> Divided:
        """The division of all labels, for centroids."""
        labels = self.labels
        if labels.reference == OTHERS:
            return self.every[0]
        names = emotions_of(labels.labels, "")
        return divided(labels, names, names, self.sampling)

    @cached_property
    def places(self) -> dict[str, tuple[int, int]]:
        """Where an emotion is: the number of its division, and its number there."""
        return {emotion: (part, i) for part, by in enumerate(self.every) for i, emotion in enumerate(by.emotions)}

    def of(self, emotion: str) -> tuple[Divided, int]:
        """The division of an emotion, and its number there."""
        part, i = self.places[emotion]
        return self.every[part], i
