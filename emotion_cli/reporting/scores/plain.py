"""A scored text as plain characters: numbers and brackets say what colours say elsewhere."""

from emotion_cli.reporting.scores.card import About, Card, EmotionScore, number, number_of_which, parts_of, read_at, visible


def legend(about: About, *, in_colour: bool) -> list[str]:
    """What the numbers and marks of texts mean, in lines."""
    against = f"{about.neutral} text" if about.column == "emotional" else "the other emotions"
    mark = "Coloured (orange above, blue below)" if in_colour else "[word]share"
    sink = "Underlined" if in_colour else "~word~"
    return [
        f"emotional: share of {about.neutral} training texts that score lower. "
        "which: share of the other emotions' training texts that do. "
        f"Both are of {read_at(about.pooling)} (pooling {about.pooling}).",
        f"(which): not to be read, because `emotional` is not above 97.5 % of {about.neutral} texts.",
        f"{mark}: along the direction against {against}, outside of what 95 % of {about.neutral} training tokens have. "
        f"{sink}: an attention sink, which has no number.",
    ]


def marked(card: Card, score: EmotionScore, column: str) -> str:
    """The text with each word outside of the neutral 95 % in brackets, its number behind it."""
    shown = []
    for part in parts_of(card, score, column):
        text = visible(card.text[part.start : part.stop])
        shown.append(f"[{text}]{number(part.quantile)}" if part.is_outside else f"~{text}~" if part.sink else text)
    return "".join(shown)


def heading(score: EmotionScore, width: int) -> str:
    """The line above a text: the emotion, its layer, and the two numbers of the whole text."""
    numbers = f"emotional {number(score.emotional)}   which {number_of_which(score)}"
    return f"{score.emotion.ljust(width)}  layer {score.layer:>2}   {numbers}"
