-- What may be said of two emotions' likeness in one model, in the same words everywhere; a row with layer NULL is on the mean over layers.
-- Grain: extraction_id, dataset, model, method, reference, pooling, layer, emotion_a, emotion_b
-- Reads: within_model_statistics, vector_quality, vectors
-- Column unbiased_cosine: cosine without the share of noise; NULL where a vector's unbiased length is not positive
-- Column ci_low: lower end of the unbiased cosine's 95 % interval; NULL where there is none that covers
-- Column ci_high: upper end of the unbiased cosine's 95 % interval
-- Column by_class: whether some topics lack a label; then means are taken label by label, not over differences within topics
-- Column equidistance: 0.5, the unbiased cosine of emotions as different from each other as from the reference; others -1 / (K - 1)
-- Column others_cosine: plain cosine of the same two emotions against the other emotions; equidistant is -1 / (K - 1)
-- Column others_p_value: of others_cosine, when labels are permuted within topics
-- Column weakest_p_value: largest p-value of auroc and split_half of the two emotions
-- Column verdict: no direction, no verdict, as different as from the reference, more alike or more opposed; NULL before quality is measured
with unbiased as (
    select * from within_model_statistics
    where measure in ('cosine_unbiased', 'cosine_unbiased_by_class')
),

others as (
    select * from within_model_statistics
    where measure = 'cosine_others'
),

labels as (
    select extraction_id, method, reference, pooling, count(distinct emotion) as n_emotions
    from vectors
    group by all
),

-- where a measure is not defined, no direction has been shown
directions as (
    select
        extraction_id, method, reference, pooling, layer, emotion,
        max(coalesce(p_value, 1)) as weakest_p_value
    from vector_quality
    where measure in ('auroc', 'split_half')
    group by all
),

measured as (
    select
        unbiased.extraction_id,
        unbiased.dataset,
        unbiased.model,
        unbiased.method,
        unbiased.reference,
        unbiased.pooling,
        unbiased.layer,
        unbiased.emotion_a,
        unbiased.emotion_b,
        unbiased.value as unbiased_cosine,
        unbiased.ci_low,
        unbiased.ci_high,
        unbiased.measure = 'cosine_unbiased_by_class' as by_class,
        case when unbiased.reference = 'others' then -1 / (labels.n_emotions - 1) else 0.5 end as equidistance,
        others.value as others_cosine,
        others.p_value as others_p_value,
        greatest(a.weakest_p_value, b.weakest_p_value) as weakest_p_value,
        a.weakest_p_value is null or b.weakest_p_value is null as unmeasured
    from unbiased
    inner join labels using (extraction_id, method, reference, pooling)
    left join others
        on
            unbiased.extraction_id = others.extraction_id
            and unbiased.method = others.method
            and unbiased.reference = others.reference
            and unbiased.pooling = others.pooling
            and unbiased.layer is not distinct from others.layer
            and unbiased.emotion_a = others.emotion_a
            and unbiased.emotion_b = others.emotion_b
    left join directions as a
        on
            unbiased.extraction_id = a.extraction_id
            and unbiased.method = a.method
            and unbiased.reference = a.reference
            and unbiased.pooling = a.pooling
            and unbiased.layer is not distinct from a.layer
            and unbiased.emotion_a = a.emotion
    left join directions as b
        on
            unbiased.extraction_id = b.extraction_id
            and unbiased.method = b.method
            and unbiased.reference = b.reference
            and unbiased.pooling = b.pooling
            and unbiased.layer is not distinct from b.layer
            and unbiased.emotion_b = b.emotion
)

select
    * exclude (unmeasured),
    case
        when unmeasured then null
        when weakest_p_value >= 0.05 then 'no direction'
        when ci_low is null then 'no verdict'
        when equidistance between ci_low and ci_high then 'as different from each other as from the reference'
        when ci_low > equidistance then 'more alike than that'
        else 'more opposed than that'
    end as verdict
from measured
