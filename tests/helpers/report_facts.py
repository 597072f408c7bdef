"""Facts of a report by hand: two models, three emotions, two training sets, a test set and a figure."""

from datetime import UTC, datetime

from emotion_cli.reporting import report

ENDS = ("", "_ci_low", "_ci_high")
SHOWN, MISSED = "shown by mean_difference", "not shown by mean_difference, shown by "
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4" class="emo-figure" role="img" aria-labelledby="f1t f1d" '
    b'data-kind="more_than_words">\n<title id="f1t">Which? m1</title>\n<desc id="f1d">A caption</desc>\n<style>.emo-figure{x:y}</style>\n'
    b'<rect class="ground" width="100%" height="100%"/><defs><path id="f10" d="M0 0"/></defs><use href="#f10"/></svg>'
)
OTHER_SVG = SVG.replace(b"f1", b"f2")


def facts(models=(("m1", 8), ("m2", 8)), emotions=("joy", "rage", "shame"), mean=0.6, tracked=None, datasets=("one", "two")):
    rows = {name: [] for name in report.READS}
    for dataset in datasets:
        rows["prompt_counts_by_emotion"] += [
            {"dataset": dataset, "role": "train", "emotion": emotion, "n_prompts": 14, "n_topics": 14, "mean_words": 3.0}
            for emotion in emotions
        ]
        rows["prompt_audit_by_pair"] += [
            {
                "dataset": dataset,
                "emotion_a": emotions[0],
                "emotion_b": other,
                **dict.fromkeys(("surface_auroc", "ci_low", "ci_high"), 0.5),
                "words_auroc": 0.6,
                "words_ci_low": 0.52,
                "words_ci_high": 0.69,
                "verdict": "passes",
            }
            for other in emotions[1:]
        ]
        for model, width in models:
            scope = {"dataset": dataset, "model": model, "reference": "neutral"}
            rows["extractions"].append(
                {
                    **scope,
                    "extraction_id": f"{dataset}-{model}",
                    "architecture": "gpt2",
                    "ignores_mean": True,
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
                    "prompts_sha256": "ab" * 32,
                    "weights_sha256": None,
                    "versions": '{"emo": "1.0", "numpy": "2.0"}',
                    "created_at": datetime(2026, 1, 2, 3, tzinfo=UTC),
                }
            )
            rows["vector_norms_by_layer"] += [
                {**scope, "emotion": emotion, "layer": layer, "relative_depth": layer / 2, "relative_norm": 0.1 * layer}
                for emotion in emotions
                for layer in range(3)
            ]
            for test_set in (None, "unseen"):
                heldout = test_set is not None
                rows["more_than_words_by_emotion"] += [
                    {
                        **scope,
                        "emotion": emotion,
                        "layer": 2,
                        "test_set": test_set,
                        "auroc": 0.625 if heldout else 0.95,
                        "auroc_ci_low": 0.55 if heldout else None,
                        "auroc_ci_high": 0.71 if heldout else None,
                        "chance": 0.57 if heldout else 0.65,
                        "q_value": 0.02 if heldout else 0.01,
                        "tfidf": (0.51 if heldout else 0.9) - 0.01 * i,
                        "random_words": 0.5,
                        "embeddings": 0.5 + 0.01 * i,
                        "untrained": 0.48,
                        "words_alone": max((0.51 if heldout else 0.9) - 0.01 * i, 0.5 + 0.01 * i),
                        "gain_ci_low": 0.1 * i - 0.05,
                        "gain_ci_high": 0.25,
                        "more_than_words": i > 0,
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
        for model, _ in models:
            run = {
                "run_id": f"{dataset}-{model}",
                "dataset": dataset,
                "model": model,
                "test_dataset": "unseen",
                "pooling": "last",
            }
            run |= {"positions": "all", "prefix": None, "unit": "norm"}
            verdicts = (
                "moves emotional against neutral text",
                "only by making neutral text worse",
                "no more than permuted labels do",
            )
            rows["steering_verdicts_by_emotion"] += [
                {
                    **run,
                    "reference": "neutral",
                    "emotion": emotion,
                    "layer": 2,
                    "alpha": 0.2,
                    "effect": 0.42 - 0.1 * i,
                    "ci_low": 0.3 - 0.1 * i,
                    "ci_high": 0.5 - 0.1 * i,
                    "null_high": 0.3,
                    "q_value": 0.012,
                    "effect_own": 0.1 - 0.2 * i,
                    "effect_own_low": 0.05 - 0.2 * i,
                    "effect_own_high": 0.15 - 0.2 * i,
                    "damage_kl": 0.21,
                    "untrained": 0.01 if i else None,
                    "verdict": verdicts[i % 3],
                }
                for i, emotion in enumerate(emotions)
            ]
            rows["patching_verdicts_by_emotion"] += [
                {
                    **run,
                    "test_set": "unseen",
                    "site": "residual",
                    "reference": "neutral",
                    "emotion": emotion,
                    "layer": 1,
                    "effect": None if i == 1 else 0.9 - 0.2 * i,
                    "attribution": 0.7,
                    "share": (0.61, None, 0.3)[i % 3],
                    "half_layer": None if i else 1,
                    "verdict": ("found", "predicted", "not shown")[i % 3],
                }
                for i, emotion in enumerate(emotions)
            ]
            rows["steering_predictions_by_emotion"] += [
                {
                    **run,
                    "reference": reference,
                    "control": control,
                    "emotion": emotion,
                    "layer": 1,
                    "z": 4.2,
                    "z_null_high": 3.1,
                    "verdict": "predicted",
                }
                for emotion in emotions
                for reference in ("neutral", "others")
                for control in (None, "untrained")
            ]
        if len(models) == 2:
            rows["cross_model_alignment_by_emotion"] += [
                {
                    "dataset": dataset,
                    "model_a": models[0][0],
                    "model_b": models[1][0],
                    "emotion": emotion,
                    "mapping": mapping,
                    "fit": "ridge",
                    "aligned_cosine": 0.5,
                    "null_high": 0.3,
                    "q_value": 0.01,
                    "smallest_effect": 0.35,
                    "ceiling": 0.8,
                    **dict.fromkeys(("specificity", "specificity_low", "specificity_high"), 0.1),
                    **dict.fromkeys(("others_cosine", "others_low", "others_high")),
                    "over_words": 0.2,
                    "over_embeddings": None,
                    "embeddings_together": 0.4,
                    "transfer_auroc": 0.9,
                    "transfer_null_high": 0.6,
                    "own_auroc": 0.95,
                    "verdict": "a shared contrast with the reference, not shown to be this emotion",
                }
                for emotion in emotions
                for mapping in ("a_to_b", "b_to_a")
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
    pictures = [
        report.Picture(
            "figures/more_than_words/a%2Cb/more_than_words.png", SVG, "more_than_words", ("m1",), datasets[:1], "A caption."
        ),
        report.Picture("figures/one/a%2Fb/x.png", OTHER_SVG, "new_kind", ("m1",), datasets[:1], "Another."),
    ]
    return report.Facts(rows, variant, settings, pictures, tracked)
