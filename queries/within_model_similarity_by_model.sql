-- Mean over the averaged layers of the cosine similarity of two emotions in one model, beside its permutation null.
-- Grain: extraction_id, dataset, model, control, method, reference, pooling, emotion_a, emotion_b
-- Reads: within_model_similarity_by_layer, within_model_statistics, within_model_verdicts_by_layer
-- Column mean_cosine_similarity: mean over the layers where it is defined, by default the embeddings are left out
-- Column cosine_stddev_pop: population standard deviation over those layers
-- Column min_cosine_similarity: least of those cosines
-- Column max_cosine_similarity: greatest of those cosines
-- Column n_layers_averaged: how many layers that mean is over
-- Column equidistance: the cosine of two emotions at one distance from each other and from the reference
-- Column mean_unbiased_cosine: mean over the averaged layers of the cosine without the share of noise; NULL unless all define it
-- Column ci_low: lower end of its 95 % interval
-- Column ci_high: upper end of its 95 % interval
-- Column mean_distance_ratio: mean of the distance over the mean length, without noise; equidistant is sqrt(2 - 2 equidistance)
-- Column distance_ratio_low: lower end of its 95 % interval
-- Column distance_ratio_high: upper end of its 95 % interval
-- Column smallest_effect: smallest difference of the unbiased cosine from equidistance that a study like this shows with probability 0.8
-- Column smallest_auroc: smallest AUROC of both emotions that a study like this shows with probability 0.8
-- Column shown_by: methods that show a direction of both emotions
-- Column verdict: what may be said of the two on average over layers, as in within_model_verdicts_by_layer
-- Column mean_others_cosine: mean cosine of the same two emotions against the other emotions; equidistant is -1 / (K - 1)
-- Column null_low: 2.5 % quantile of the same mean when labels are permuted within topics
-- Column null_high: 97.5 % quantile of the same mean when labels are permuted within topics
with by_layer as (
    select * from within_model_similarity_by_layer
    where averaged
),

means as (
    select
        extraction_id,
        dataset,
        model,
        control,
        method,
        reference,
        pooling,
        emotion_a,
        emotion_b,
        avg(cosine_similarity) as mean_cosine_similarity,
        stddev_pop(cosine_similarity) as cosine_stddev_pop,
        min(cosine_similarity) as min_cosine_similarity,
        max(cosine_similarity) as max_cosine_similarity,
        count(cosine_similarity) as n_layers_averaged,
        any_value(equidistance) as equidistance
    from by_layer
    group by all
)

select
    means.*,
    nulls.null_mean,
    nulls.null_low,
    nulls.null_high,
    nulls.p_value,
    verdicts.unbiased_cosine as mean_unbiased_cosine,
    verdicts.ci_low,
    verdicts.ci_high,
    verdicts.distance_ratio as mean_distance_ratio,
    verdicts.distance_ratio_low,
    verdicts.distance_ratio_high,
    verdicts.smallest_effect,
    verdicts.smallest_auroc,
    verdicts.shown_by,
    verdicts.verdict,
    verdicts.others_cosine as mean_others_cosine
from means
left join within_model_statistics as nulls
    on
        means.extraction_id = nulls.extraction_id
        and means.method = nulls.method
        and means.reference = nulls.reference
        and means.pooling = nulls.pooling
        and means.emotion_a = nulls.emotion_a
        and means.emotion_b = nulls.emotion_b
        and nulls.layer is null
        and nulls.measure = 'cosine'
left join within_model_verdicts_by_layer as verdicts
    on
        means.extraction_id = verdicts.extraction_id
        and means.method = verdicts.method
        and means.reference = verdicts.reference
        and means.pooling = verdicts.pooling
        and means.emotion_a = verdicts.emotion_a
        and means.emotion_b = verdicts.emotion_b
        and verdicts.layer is null
