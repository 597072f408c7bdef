"""One emotion in several models."""

from collections.abc import Iterable

from emotion_cli.reporting.figures.style import Row, canvas, grouped, layer_axis, legend, line, saved


def cross_model(rows: Iterable[Row], norms: Iterable[Row], title: str) -> dict[str, bytes]:
    """Raw cosine of one emotion in two models by layer; where no two have equal width, each model's norms by depth.

    `rows` of `cross_model_similarity_by_layer`, `norms` of `vector_norms_by_layer`, both of one emotion.
    """
    figure, axes = canvas(title)
    pairs = grouped(rows, "model_a", "model_b")
    if pairs:
        for i, ((model_a, model_b), members) in enumerate(pairs):
            layers = [row["layer"] for row in members]
            line(axes, i, layers, [row["cosine_similarity"] for row in members], f"{model_a} and {model_b}")
        spread = max(row["chance_stddev"] for _, members in pairs for row in members)
        axes.axhspan(-1.96 * spread, 1.96 * spread, color="#999999", alpha=0.25, linewidth=0)
        extreme = max([abs(row["cosine_similarity"] or 0) for _, members in pairs for row in members] + [4 * spread])
        axes.set_ylim(-1.1 * extreme, 1.1 * extreme)
        axes.axhline(0, color="#999999", linewidth=0.8)
        layer_axis(axes)
        axes.set_ylabel("raw cosine at the same layer")
        legend(axes, note="grey: 95 % of the cosines of unrelated directions")
        return saved(figure)
    for i, (model, members) in enumerate(grouped(norms, "model")):
        line(axes, i, [row["relative_depth"] for row in members], [row["relative_norm"] for row in members], model)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("relative depth (0: the embeddings, 1: after the last block)")
    axes.set_ylabel("norm relative to reference prompts")
    legend(axes, note="the models' widths differ: their raw cosine is not defined")
    return saved(figure)
