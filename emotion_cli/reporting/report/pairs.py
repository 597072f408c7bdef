"""Whether two models hold the same directions, in two sentences: the verdicts of `cross_model_alignment_by_emotion`, no other."""

from collections.abc import Sequence

from emotion_cli.reporting.report.facts import Row, listed


def carried(row: Row) -> str:
    """From which model to which a row's direction is carried."""
    names = row["model_a"], row["model_b"]
    return " to ".join(names if row["mapping"] == "a_to_b" else names[::-1])


def pair_sentences(rows: Sequence[Row]) -> tuple[str, str]:
    """How near carried directions come to the other model's own, and the verdict on each; rows of one pair of models."""
    first = rows[0]
    models = f"{first['model_a']} and {first['model_b']}"
    defined = [row for row in rows if row["aligned_cosine"] is not None]
    if not defined:
        return (f"Between {models} no aligned cosine is defined.", "So nothing can be said about shared directions.")
    cosines, nulls = ([row[name] for row in defined] for name in ("aligned_cosine", "null_high"))
    near = (
        f"Carried between {models} by a map that never saw the emotion, directions meet the other model's own with a mean "
        f"cosine of {min(cosines):.2f} to {max(cosines):.2f}. With random signs, 97.5 % of the cosines lie below "
        f"{min(nulls):.2f} to {max(nulls):.2f}."
    )
    cases: dict[str, list[str]] = {}
    for row in defined:
        cases.setdefault(row["verdict"], []).append(f"{row['emotion']} ({carried(row)}; {_detail(row)})")
    said = "; ".join(f"{verdict}: {listed(sorted(names))}" for verdict, names in sorted(cases.items()))
    return near, f"{said[0].upper()}{said[1:]}."


def _detail(row: Row) -> str:
    """The effect of a case beside the smallest one that its design would have shown."""
    smallest = "no interval" if row["smallest_effect"] is None else f"{row['smallest_effect']:.2f} could have been shown"
    return f"{row['aligned_cosine']:.2f}, {smallest}"
