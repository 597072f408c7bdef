"""Facts of a report by hand: two models, three emotions, two training sets and a test set, with one figure of each kind."""

from datetime import UTC, datetime

from emotion_cli.reporting import report

ENDS = ("", "_ci_low", "_ci_high")
SHOWN, MISSED = "shown by mean_difference", "not shown by mean_difference, shown by "
RIVALS = ("tfidf", "random_words", "embeddings")
SVG = (
    b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="4pt" height="4pt" viewBox="0 0 4 4">'
    b'<metadata>x</metadata><!-- y --><defs><path id="p"/></defs><use href="#p"/><g clip-path="url(#p)"/></svg>'
)


def facts(models=(("m1", 8), ("m2", 8)), emotions=("joy", "rage", "shame"), mean=0.6, tracked=None, datasets=("one", "two")):
    rows = {name: [] for name in report.READS}
    for dataset in datasets:
        rows["prompt_counts_by_emotion"] += [
            {"dataset": dataset, "role": "train", "emotion": emotion, "n_prompts": 4, "n_topics": 4, "mean_words": 3.0}
            for emotion in emotions
        ]
        for model, width in models:
            scope = {"dataset": dataset, "model": model, "reference": "neutral"}
            rows["extractions"].append(
                {
                    **scope,
                    "extraction_id": f"{dataset}-{model}",
                    "architecture": "gpt2",
                    "n_layers": 2,
                    "d_model": width,
                    "dtype": "float32",
                    "bos": "always",
                    "n_prompts": 12,
                    "n_tokens": 90,
                    "max_length": None,
                    "truncate": False,
                    "chat_template": False,
                    "poolings": ["last"],
                    "created_at": datetime(2026, 1, 2, 3, tzinfo=UTC),
                }
            )
            rows["vector_norms_by_layer"] += [
                {**scope, "emotion": emotion, "layer": layer, "relative_depth": layer / 2, "relative_norm": 0.1 * layer}
                for emotion in emotions
                for layer in range(3)
            ]
            rows["best_layers_by_emotion"] += [
                {
                    **scope,
                    "emotion": emotion,
                    "layer": 2,
                    "auroc": 0.95,
                    "d_prime": 2.3,
                    "auroc_words": 0.9 - 0.1 * i,
                    "auroc_gain": 0.05 + 0.1 * i,
                    "gain_ci_low": 0.1 * i - 0.05,
                    "gain_ci_high": 0.25,
                    "test_set": None,
                    "heldout_auroc": None,
                    "heldout_words": None,
                    "heldout_gain": None,
                    "heldout_gain_ci_low": None,
                    "heldout_gain_ci_high": None,
                }
                for i, emotion in enumerate(emotions)
            ]
            rows["direction_quality_by_method"] += [
                {
                    **scope,
                    "emotion": emotion,
                    "layer": layer,
                    **{f"{method}{end}": 0.7 for method in ("mean_difference", "whitened", "logistic") for end in ENDS},
                    "verdict": verdict,
                }
                for emotion in emotions
                for layer, verdict in ((None, SHOWN), (1, SHOWN), (2, MISSED + "whitened"), (3, MISSED + "logistic"))
            ]
            rows["layer_profiles"] += [
                {
                    **scope,
                    "layer": layer,
                    "top3_variance_share": share,
                    "sink_share": sinks,
                    "low_outlier_share": None,
                    "norm_bimodality": 9.0,
                }
                for layer, share, sinks in ((0, 0.1, 0.0), (1, 0.97, 0.4), (2, 0.6, 1.0))
            ]
            for a, b in [(emotions[0], emotions[1]), (emotions[0], emotions[2])]:
                pair = {
                    **scope,
                    "emotion_a": a,
                    "emotion_b": b,
                    "equidistance": 0.5,
                    "null_low": 0.2,
                    "null_high": 0.55,
                    "method": "mean_difference",
                    "mean_unbiased_cosine": 0.7,
                    "ci_low": 0.6,
                    "ci_high": 0.8,
                    "mean_distance_ratio": 0.8,
                    "distance_ratio_low": 0.7,
                    "distance_ratio_high": 0.9,
                    "smallest_effect": 0.14,
                    "smallest_auroc": 0.62,
                    "shown_by": None,
                    "verdict": "more similar than their shared reference makes them",
                }
                rows["within_model_similarity_by_model"].append(
                    {
                        **pair,
                        "mean_cosine_similarity": mean - 0.09 * (b == emotions[2]),
                        "p_value": 0.0019,
                        "n_layers_averaged": 2,
                    }
                )
                rows["within_model_similarity_by_layer"] += [
                    {**pair, "layer": layer, "cosine_similarity": mean if layer else None} for layer in range(3)
                ]
        if len(models) == 2 and models[0][1] == models[1][1]:
            pair = {"dataset": dataset, "model_a": models[0][0], "model_b": models[1][0], "chance_stddev": 8**-0.5}
            rows["cross_model_similarity_by_emotion"] += [
                {
                    **pair,
                    "emotion": emotion,
                    "avg_cosine_similarity": 0.0125,
                    "cosine_stddev_pop": 0.1,
                    "min_cosine_similarity": -0.1,
                    "max_cosine_similarity": 0.125,
                }
                for emotion in emotions
            ]
            rows["cross_model_similarity_by_layer"] += [
                {**pair, "emotion": emotion, "layer": layer, "averaged": layer > 0, "cosine_similarity": 0.1}
                for emotion in emotions
                for layer in range(3)
            ]
    for model, _ in models:
        rows["dataset_shift_by_layer"] += [
            {
                "dataset_a": datasets[0],
                "dataset_b": datasets[1],
                "model": model,
                "emotion": emotion,
                "layer": layer,
                "averaged": layer > 0,
                "share_in_common": 0.7,
                "cosine_similarity": 0.97,
                "noise_cosine": 0.8367,
                "cosine_unbiased": 0.95,
                "ci_low": 0.8,
                "ci_high": 1.02,
                "null_low": -0.2,
                "null_high": 0.2,
                "q_value": 0.002,
                "smallest_effect": 0.25,
                "verdict": "a similar direction, not shown to be the same" if layer else None,
            }
            for emotion in emotions
            for layer in range(3)
        ]
    variant = {"method": "mean_difference", "reference": "neutral", "pooling": "last"}
    settings = {"neutral": "neutral", "over_layers": "resid_post", "seed": 0, "draws": 1000}
    pictures = [report.Picture("figures/one/a%2Fb/x.png", SVG, "a picture", datasets[0])]
    return report.Facts(rows, variant, settings, pictures, tracked)
