-- For each layer, the layer of the other model that matches it best, chosen and measured on different topics.
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, mapping, layer, best_layer
-- Reads: cross_model_tests_by_layer
-- Column layer: of the model that `mapping` goes from
-- Column best_layer: of the other model, chosen most often over random halves of the topics
-- Column cka_debiased: mean of the debiased CKA at the chosen layers on the halves that did not choose
-- Column null_high: 97.5 % quantile of it when prompts are paired at random and the layer is chosen again
-- Column q_value: Benjamini-Hochberg over the best depths of the dataset and mapping
select
    extraction_a,
    extraction_b,
    dataset,
    model_a,
    model_b,
    method,
    reference,
    pooling,
    mapping,
    case when mapping = 'a_to_b' then layer_a else layer_b end as layer,
    case when mapping = 'a_to_b' then layer_b else layer_a end as best_layer,
    value as cka_debiased,
    null_mean,
    null_high,
    p_value,
    q_value,
    n
from cross_model_tests_by_layer
where measure = 'cka_debiased_best'
