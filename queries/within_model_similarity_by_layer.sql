-- Cosine similarity of two emotions' vectors at each layer of one model, beside its permutation null.
-- Grain: extraction_id, dataset, model, control, method, reference, pooling, layer, emotion_a, emotion_b
-- Reads: vectors, extractions, within_model_statistics, within_model_verdicts_by_layer
-- Column cosine_similarity: NULL when either vector has zero length (relative norm below 1e-5)
-- Column equidistance: the cosine of two emotions at one distance from each other and from the reference
-- Column unbiased_cosine: cosine without the share of noise; NULL where a vector's unbiased length is not positive
-- Column ci_low: lower end of the unbiased cosine's 95 % interval
-- Column ci_high: upper end of the unbiased cosine's 95 % interval
-- Column distance_ratio: distance of the two directions over the mean of their lengths, without noise; equidistant is sqrt(2 - 2 equidistance)
-- Column distance_ratio_low: lower end of its 95 % interval
-- Column distance_ratio_high: upper end of its 95 % interval
-- Column verdict: what may be said of the two, as in within_model_verdicts_by_layer
-- Column others_cosine: cosine of the same two emotions against the other emotions; equidistant is -1 / (K - 1)
-- Column null_low: 2.5 % quantile of the cosine when labels are permuted within topics
-- Column null_high: 97.5 % quantile of the cosine when labels are permuted within topics
with defined as (
    select vectors.*, case when vectors.relative_norm >= 1e-5 then vectors.vector end as direction
    from vectors
    where vectors.relative_norm is not null
),

pairs as (
    select
        a.extraction_id,
        a.dataset,
        a.model,
        a.method,
        a.reference,
        a.pooling,
        a.layer,
        a.averaged,
        a.emotion as emotion_a,
        b.emotion as emotion_b,
        cosine(a.direction, b.direction) as cosine_similarity
    from defined as a
    inner join defined as b
        on
            a.extraction_id = b.extraction_id
            and a.method = b.method
            and a.reference = b.reference
            and a.pooling = b.pooling
            and a.layer = b.layer
            and a.d_model = b.d_model
            and a.emotion < b.emotion
),

labels as (
    select extraction_id, method, reference, pooling, count(distinct emotion) as n_emotions
    from vectors
    group by all
)

select
    pairs.extraction_id,
    pairs.dataset,
    pairs.model,
    extractions.control,
    pairs.method,
    pairs.reference,
    pairs.pooling,
    pairs.layer,
    pairs.averaged,
    extractions.n_layers,
    pairs.emotion_a,
    pairs.emotion_b,
    pairs.cosine_similarity,
    case when pairs.reference = 'others' then -1 / (labels.n_emotions - 1) else 0.5 end as equidistance,
    nulls.null_mean,
    nulls.null_low,
    nulls.null_high,
    nulls.p_value,
    verdicts.unbiased_cosine,
    verdicts.ci_low,
    verdicts.ci_high,
    verdicts.distance_ratio,
    verdicts.distance_ratio_low,
    verdicts.distance_ratio_high,
    verdicts.verdict,
    verdicts.others_cosine
from pairs
inner join labels using (extraction_id, method, reference, pooling)
left join extractions on pairs.extraction_id = extractions.extraction_id
left join within_model_statistics as nulls
    on
        pairs.extraction_id = nulls.extraction_id
        and pairs.method = nulls.method
        and pairs.reference = nulls.reference
        and pairs.pooling = nulls.pooling
        and pairs.layer = nulls.layer
        and pairs.emotion_a = nulls.emotion_a
        and pairs.emotion_b = nulls.emotion_b
        and nulls.measure = 'cosine'
left join within_model_verdicts_by_layer as verdicts
    on
        pairs.extraction_id = verdicts.extraction_id
        and pairs.method = verdicts.method
        and pairs.reference = verdicts.reference
        and pairs.pooling = verdicts.pooling
        and pairs.layer = verdicts.layer
        and pairs.emotion_a = verdicts.emotion_a
        and pairs.emotion_b = verdicts.emotion_b
