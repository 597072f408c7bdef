-- How alike an emotion's vector is on a dataset and on the rest of another that shares prompts with it, in one model.
-- Grain: extraction_a, extraction_b, dataset_a, dataset_b, model, method, reference, pooling, emotion, layer
-- Reads: cross_dataset_statistics, vectors, extractions, prompts
-- Column n_prompts_a: prompts of the emotion in the first dataset
-- Column n_prompts_b: prompts of the emotion in the second, larger one
-- Column n_prompts_common: prompts of the emotion that both have
-- Column share_in_common: n_prompts_common / n_prompts_b, the part of the second dataset that is not independent evidence
-- Column cosine_similarity: plain cosine of the two datasets' vectors, which the shared prompts make alike by themselves
-- Column noise_cosine: the plain cosine that noise alone would give, n_prompts_common / sqrt(n_prompts_a * n_prompts_b)
-- Column cosine_unbiased: cosine without noise between the first dataset and what of the second is not in it; 1: same direction
-- Column ci_low: lower end of the 95 % interval of cosine_unbiased, over topics
-- Column ci_high: upper end of that interval
-- Column null_low: 2.5 % quantile of cosine_unbiased when the rest's labels are permuted within topics
-- Column null_high: 97.5 % quantile of the same
with labelled as (
    select extractions.extraction_id, prompts.emotion, prompts.prompt_id
    from extractions
    inner join prompts using (dataset, prompts_sha256)
),

sizes as (
    select extraction_id, emotion, count(*) as n_prompts
    from labelled
    group by all
),

shared as (
    select a.extraction_id as extraction_a, b.extraction_id as extraction_b, a.emotion, count(*) as n_prompts_common
    from labelled as a
    inner join labelled as b on a.prompt_id = b.prompt_id
    group by all
),

defined as (
    select vectors.*, case when vectors.relative_norm >= 1e-5 then vectors.vector end as direction
    from vectors
),

shifts as (
    select * from cross_dataset_statistics
    where measure = 'cosine_unbiased' and layer is not null
)

select
    shifts.extraction_a,
    shifts.extraction_b,
    shifts.dataset_a,
    shifts.dataset_b,
    shifts.model,
    shifts.method,
    shifts.reference,
    shifts.pooling,
    shifts.emotion,
    shifts.layer,
    a.averaged and b.averaged as averaged,
    sizes_a.n_prompts as n_prompts_a,
    sizes_b.n_prompts as n_prompts_b,
    shared.n_prompts_common,
    shared.n_prompts_common / sizes_b.n_prompts as share_in_common,
    cosine(a.direction, b.direction) as cosine_similarity,
    shared.n_prompts_common / sqrt(sizes_a.n_prompts * sizes_b.n_prompts) as noise_cosine,
    shifts.value as cosine_unbiased,
    shifts.ci_low,
    shifts.ci_high,
    shifts.null_low,
    shifts.null_high,
    shifts.p_value
from shifts
left join defined as a
    on
        shifts.extraction_a = a.extraction_id
        and shifts.method = a.method
        and shifts.reference = a.reference
        and shifts.pooling = a.pooling
        and shifts.emotion = a.emotion
        and shifts.layer = a.layer
left join defined as b
    on
        shifts.extraction_b = b.extraction_id
        and shifts.method = b.method
        and shifts.reference = b.reference
        and shifts.pooling = b.pooling
        and shifts.emotion = b.emotion
        and shifts.layer = b.layer
left join sizes as sizes_a on shifts.extraction_a = sizes_a.extraction_id and shifts.emotion = sizes_a.emotion
left join sizes as sizes_b on shifts.extraction_b = sizes_b.extraction_id and shifts.emotion = sizes_b.emotion
left join shared
    on
        shifts.extraction_a = shared.extraction_a
        and shifts.extraction_b = shared.extraction_b
        and shifts.emotion = shared.emotion
