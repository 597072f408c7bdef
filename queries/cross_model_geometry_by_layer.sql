-- How alike two models arrange the same prompts, at every compared pair of layers; the nulls say only whether both read the same texts.
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, layer_a, layer_b
-- Reads: cross_model_tests_by_layer
-- Column cka_debiased: linear CKA with unbiased HSIC; NULL where a layer's prompts do not differ
-- Column cka_low: lower end of its 95 % interval over groups of topics
-- Column cka_high: upper end of the same
-- Column cka_null_high: 97.5 % quantile of it when prompts are paired at random
-- Column cka_p_value: of the upper tail of that null
-- Column cka_labels_removed: the same with each label's mean removed; matched layers only
-- Column cka_labels_low: lower end of its 95 % interval over groups of topics
-- Column cka_labels_high: upper end of the same
-- Column cka_labels_null_high: 97.5 % quantile of it when topics are paired at random
-- Column cka_labels_p_value: of the upper tail of that null
-- Column cka_labels_topics_removed: the same with each label's and each topic's mean removed; matched layers only
-- Column cka_labels_topics_low: lower end of its 95 % interval over groups of topics
-- Column cka_labels_topics_high: upper end of the same
-- Column cka_labels_topics_null_high: 97.5 % quantile of it when topics are paired at random
-- Column cka_labels_topics_p_value: of the upper tail of that null
-- Column rsa: Spearman correlation of the two models' correlation distances between prompts
-- Column rsa_low: lower end of its 95 % interval over groups of topics
-- Column rsa_high: upper end of the same
-- Column rsa_null_high: 97.5 % quantile of it when prompts are paired at random
-- Column rsa_p_value: of the upper tail of that null
-- Column rdm_similarity: correlation of the two models' unbiased distances between labels; five labels or more
-- Column rdm_low: lower end of its 95 % interval over groups of topics
-- Column rdm_high: upper end of the same
-- Column rdm_null_high: 97.5 % quantile of it when the labels of one model are in another order
-- Column rdm_p_value: of the upper tail of that null
-- Column rdm_ceiling: what two halves of the topics of one model reach, the geometric mean of both models; NULL where not positive
with ceilings as (
    select extraction_a as extraction_id, method, reference, pooling, layer_a as layer, value
    from cross_model_tests_by_layer
    where measure = 'rdm_ceiling'
),

wide as (
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
        any_value(value) filter (where measure = 'cka_labels_removed') as cka_labels_removed,
        any_value(ci_low) filter (where measure = 'cka_labels_removed') as cka_labels_low,
        any_value(ci_high) filter (where measure = 'cka_labels_removed') as cka_labels_high,
        any_value(null_high) filter (where measure = 'cka_labels_removed') as cka_labels_null_high,
        any_value(p_value) filter (where measure = 'cka_labels_removed') as cka_labels_p_value,
        any_value(value) filter (where measure = 'cka_labels_topics_removed') as cka_labels_topics_removed,
        any_value(ci_low) filter (where measure = 'cka_labels_topics_removed') as cka_labels_topics_low,
        any_value(ci_high) filter (where measure = 'cka_labels_topics_removed') as cka_labels_topics_high,
        any_value(null_high) filter (where measure = 'cka_labels_topics_removed') as cka_labels_topics_null_high,
        any_value(p_value) filter (where measure = 'cka_labels_topics_removed') as cka_labels_topics_p_value,
        any_value(value) filter (where measure = 'rsa') as rsa,
        any_value(ci_low) filter (where measure = 'rsa') as rsa_low,
        any_value(ci_high) filter (where measure = 'rsa') as rsa_high,
        any_value(null_high) filter (where measure = 'rsa') as rsa_null_high,
        any_value(p_value) filter (where measure = 'rsa') as rsa_p_value,
        any_value(value) filter (where measure = 'rdm_similarity') as rdm_similarity,
        any_value(ci_low) filter (where measure = 'rdm_similarity') as rdm_low,
        any_value(ci_high) filter (where measure = 'rdm_similarity') as rdm_high,
        any_value(null_high) filter (where measure = 'rdm_similarity') as rdm_null_high,
        any_value(p_value) filter (where measure = 'rdm_similarity') as rdm_p_value,
        any_value(n) as n
    from cross_model_tests_by_layer
    where measure in ('cka_debiased', 'cka_labels_removed', 'cka_labels_topics_removed', 'rsa', 'rdm_similarity')
    group by all
)

select
    wide.*,
    case
        when least(a.value, b.value) > 0 then sqrt(a.value * b.value)
    end as rdm_ceiling
from wide
left join ceilings as a
    on
        wide.extraction_a = a.extraction_id
        and wide.method = a.method
        and wide.reference = a.reference
        and wide.pooling = a.pooling
        and wide.layer_a is not distinct from a.layer
left join ceilings as b
    on
        wide.extraction_b = b.extraction_id
        and wide.method = b.method
        and wide.reference = b.reference
        and wide.pooling = b.pooling
        and wide.layer_b is not distinct from b.layer
