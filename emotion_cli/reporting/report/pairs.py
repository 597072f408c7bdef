"""Whether two models hold the same directions, in two sentences: only claims that the nulls and intervals allow."""

from collections.abc import Sequence

from emotion_cli.reporting.report.facts import Row, listed

SAME = "the same emotion in both models"
SHARED = "a shared contrast of emotion against reference"


def carried(row: Row) -> str:
    """From which model to which a row's direction is carried."""
    names = row["model_a"], row["model_b"]
    return " to ".join(names if row["mapping"] == "a_to_b" else names[::-1])


def pair_sentences(rows: Sequence[Row]) -> tuple[str, str]:
    """How near carried directions come to the other model's own, and what may be called shared; rows of one pair of models."""
    first = rows[0]
    models = f"{first['model_a']} and {first['model_b']}"
    defined = [row for row in rows if row["aligned_cosine"] is not None]
    if not defined:
        return (f"Between {models} no aligned cosine is defined.", "So nothing can be said about shared directions.")
    cosines = [row["aligned_cosine"] for row in defined]
    beyond = [row for row in defined if row["verdict"] in (SAME, SHARED)]
    nulls = [row["null_high"] for row in defined]
    near = (
        f"Carried between {models} by a map that never saw the emotion, directions meet the other model's own with a mean "
        f"cosine of {min(cosines):.2f} to {max(cosines):.2f} (of meaningless labels, 97.5 % lie below {max(nulls):.2f}), "
        f"beyond that null in {len(beyond)} of {len(defined)} cases."
    )
    same = sorted({f"{row['emotion']} ({carried(row)})" for row in defined if row["verdict"] == SAME})
    shared = sorted({row["emotion"] for row in beyond} - {row["emotion"] for row in defined if row["verdict"] == SAME})
    parts = []
    if same:
        parts.append(f"the same emotion in both models, by its specificity, is {listed(same)}")
    if shared:
        against = first["reference"]
        parts.append(f"what they share of {listed(shared)} is a contrast of emotion against {against}, not shown to be more")
    if not parts:
        parts.append("nothing is shared beyond chance")
    text = "; ".join(parts)
    return near, f"{text[0].upper()}{text[1:]}."
