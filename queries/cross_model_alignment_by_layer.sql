-- Does one model's direction of an emotion, carried by a linear map that never saw the emotion, meet the other model's?
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, emotion, mapping, fit, layer_a, layer_b
-- Reads: cross_model_tests_by_layer
-- Column relative_depth: position of the pair among the matched layers, 0 to 1; NULL for the mean over layers
-- Column aligned_cosine: cosine of the carried direction with the other model's own, from topics that no map and no other vector saw
-- Column null_low: 2.5 % quantile of that cosine when the labels mean nothing and the map is fitted again
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
with wide as (
    select
        extraction_a,
        extraction_b,
        dataset,
        model_a,
        model_b,
        method,
        reference,
        pooling,
        emotion,
        mapping,
        fit,
        layer_a,
        layer_b,
        any_value(k) as k,
        any_value(value) filter (where measure = 'aligned_cosine') as aligned_cosine,
        any_value(ci_low) filter (where measure = 'aligned_cosine') as ci_low,
        any_value(ci_high) filter (where measure = 'aligned_cosine') as ci_high,
        any_value(null_mean) filter (where measure = 'aligned_cosine') as null_mean,
        any_value(null_low) filter (where measure = 'aligned_cosine') as null_low,
        any_value(null_high) filter (where measure = 'aligned_cosine') as null_high,
        any_value(p_value) filter (where measure = 'aligned_cosine') as p_value,
        any_value(q_value) filter (where measure = 'aligned_cosine') as q_value,
        any_value(value) filter (where measure = 'aligned_specificity') as specificity,
        any_value(ci_low) filter (where measure = 'aligned_specificity') as specificity_low,
        any_value(ci_high) filter (where measure = 'aligned_specificity') as specificity_high,
        any_value(null_high) filter (where measure = 'aligned_specificity') as specificity_null_high,
        any_value(value) filter (where measure = 'transfer_auroc') as transfer_auroc,
        any_value(null_high) filter (where measure = 'transfer_auroc') as transfer_null_high,
        any_value(n) as n
    from cross_model_tests_by_layer
    where measure in ('aligned_cosine', 'aligned_specificity', 'transfer_auroc')
    group by all
),

ceilings as (
    select extraction_a as extraction_id, method, reference, pooling, emotion, layer_a as layer, measure, value
    from cross_model_tests_by_layer
    where extraction_a = extraction_b and measure in ('aligned_cosine_ceiling', 'transfer_auroc_ceiling')
)

select
    wide.*,
    case
        when wide.layer_a is not null then coalesce(wide.layer_a / nullif(max(wide.layer_a) over pair, 0), 0)
    end as relative_depth,
    case
        when least(a.value, b.value) > 0 then sqrt(a.value * b.value)
    end as ceiling,
    own.value as own_auroc,
    case
        when wide.aligned_cosine is null then 'not defined'
        when wide.specificity_low > 0 and wide.p_value < 0.05 then 'the same emotion in both models'
        when wide.p_value < 0.05 then 'a shared contrast of emotion against reference'
        else 'nothing shared beyond chance'
    end as verdict
from wide
left join ceilings as a
    on
        wide.extraction_a = a.extraction_id
        and wide.method = a.method
        and wide.reference = a.reference
        and wide.pooling = a.pooling
        and wide.emotion = a.emotion
        and wide.layer_a is not distinct from a.layer
        and a.measure = 'aligned_cosine_ceiling'
left join ceilings as b
    on
        wide.extraction_b = b.extraction_id
        and wide.method = b.method
        and wide.reference = b.reference
        and wide.pooling = b.pooling
        and wide.emotion = b.emotion
        and wide.layer_b is not distinct from b.layer
        and b.measure = 'aligned_cosine_ceiling'
left join ceilings as own
    on
        case when wide.mapping = 'a_to_b' then wide.extraction_b else wide.extraction_a end = own.extraction_id
        and wide.method = own.method
        and wide.reference = own.reference
        and wide.pooling = own.pooling
        and wide.emotion = own.emotion
        and case when wide.mapping = 'a_to_b' then wide.layer_b else wide.layer_a end is not distinct from own.layer
        and own.measure = 'transfer_auroc_ceiling'
window pair as (partition by wide.extraction_a, wide.extraction_b, wide.method, wide.reference, wide.pooling)
