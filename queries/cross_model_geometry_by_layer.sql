-- Debiased CKA and RSA of every compared pair of layers; the null says only whether both models read the same texts.
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, layer_a, layer_b
-- Reads: cross_model_tests_by_layer
-- Column cka_debiased: linear CKA with unbiased HSIC; NULL where a layer's prompts do not differ
-- Column cka_low: lower end of its 95 % interval over groups of topics
-- Column cka_high: upper end of the same
-- Column cka_null_high: 97.5 % quantile of it when prompts are paired at random
-- Column cka_p_value: of the upper tail of that null
-- Column rsa: Spearman correlation of the two models' correlation distances between prompts
-- Column rsa_low: lower end of its 95 % interval over groups of topics
-- Column rsa_high: upper end of the same
-- Column rsa_null_high: 97.5 % quantile of it when prompts are paired at random
-- Column rsa_p_value: of the upper tail of that null
select
    extraction_a,
    extraction_b,
    dataset,
    model_a,
    model_b,
    method,
    reference,
    pooling,
    layer_a,
    layer_b,
    any_value(value) filter (where measure = 'cka_debiased') as cka_debiased,
    any_value(ci_low) filter (where measure = 'cka_debiased') as cka_low,
    any_value(ci_high) filter (where measure = 'cka_debiased') as cka_high,
    any_value(null_high) filter (where measure = 'cka_debiased') as cka_null_high,
    any_value(p_value) filter (where measure = 'cka_debiased') as cka_p_value,
    any_value(value) filter (where measure = 'rsa') as rsa,
    any_value(ci_low) filter (where measure = 'rsa') as rsa_low,
    any_value(ci_high) filter (where measure = 'rsa') as rsa_high,
    any_value(null_high) filter (where measure = 'rsa') as rsa_null_high,
    any_value(p_value) filter (where measure = 'rsa') as rsa_p_value,
    any_value(n) as n
from cross_model_tests_by_layer
where measure in ('cka_debiased', 'rsa')
group by all
