-- Aligned measures of each emotion as means over the matched layers, beside their nulls, with what may be said of them.
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, emotion, mapping, fit
-- Reads: cross_model_alignment_by_layer
-- Column aligned_cosine: mean over the matched layers that both models' averages cover
-- Column null_kind: sign_flips; too_few where fewer than 6 coordinates carry 95 % of the cosine, so that there is no p-value
-- Column null_low: 2.5 % quantile of the same mean when the signs of the target direction's coordinates are random
-- Column null_high: 97.5 % quantile of the same
-- Column q_value: Benjamini-Hochberg over the aligned cosines of the dataset, fit and mapping; means over layers apart from layers
-- Column smallest_effect: the least cosine that this design would have shown in about 8 of 10 cases: null_high + 0.84 standard errors
-- Column nearest_other: the largest cosine of the carried direction with another emotion's direction; NULL for one emotion
-- Column ceiling: geometric mean over the two models of the cosine between two thirds of one model; NULL where not positive
-- Column specificity: that cosine less the mean with other emotions, less the mean of other emotions carried, plus the mean of those with each other; NULL below three emotions
-- Column specificity_low: lower end of its 95 % interval
-- Column specificity_high: upper end of its 95 % interval
-- Column specificity_null_high: 97.5 % quantile of specificity under the same random signs
-- Column specificity_q_value: Benjamini-Hochberg over the specificities of the dataset, fit and mapping
-- Column others_cosine: cosine of the carried direction with the other model's direction against the other emotions
-- Column others_low: lower end of its 95 % interval
-- Column others_high: upper end of its 95 % interval
-- Column others_null_high: 97.5 % quantile of it under the same random signs
-- Column others_q_value: Benjamini-Hochberg over these cosines of the dataset, fit and mapping
-- Column transfer_auroc: how well the carried direction separates the other model's prompts of unseen topics; of the fit `ridge`
-- Column transfer_null_high: 97.5 % quantile of that when the topics of the two models are paired at random
-- Column own_auroc: the same with the other model's own direction
-- Column verdict: what may be said, in words
select * exclude (layer_a, layer_b, relative_depth)
from cross_model_alignment_by_layer
where layer_a is null
