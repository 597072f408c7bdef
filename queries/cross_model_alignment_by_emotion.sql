-- Aligned measures of each emotion as means over the matched layers, beside their nulls, with what may be said of them.
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, emotion, mapping, fit
-- Reads: cross_model_alignment_by_layer
-- Column aligned_cosine: mean over the matched layers that both models' averages cover
-- Column null_low: 2.5 % quantile of the same mean when the labels mean nothing and the maps are fitted again
-- Column null_high: 97.5 % quantile of the same
-- Column q_value: Benjamini-Hochberg over all aligned cosines of the dataset
-- Column ceiling: geometric mean over the two models of the cosine between two thirds of one model; NULL where not positive
-- Column specificity: that cosine less the largest with another emotion's direction
-- Column specificity_low: lower end of its 95 % interval; the same emotion is only claimed where this is above 0
-- Column specificity_high: upper end of its 95 % interval
-- Column specificity_null_high: 97.5 % quantile of specificity when emotions are interchangeable
-- Column transfer_auroc: how well the carried direction separates the other model's prompts of unseen topics
-- Column transfer_null_high: 97.5 % quantile of that when the topics of the two models are paired at random
-- Column own_auroc: the same with the other model's own direction
-- Column verdict: what may be said, in words
select * exclude (layer_a, layer_b, relative_depth)
from cross_model_alignment_by_layer
where layer_a is null
