-- How alike an emotion's vector is on a dataset and on the rest of another that shares prompts with it, in one model.
-- Grain: extraction_a, extraction_b, dataset_a, dataset_b, model, control, method, reference, pooling, emotion, layer
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
-- Column q_value: Benjamini and Hochberg's q over the single layers of one method on these two datasets
-- Column smallest_effect: smallest cosine_unbiased that a study like this shows with probability 0.8: null_high + 0.84 standard errors
-- Column verdict: what may be said; the same direction only where the whole interval lies above 0.8
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

layers as (
    select
        *,
        count(p_value) over (partition by dataset_a, dataset_b, method, control) as n_tests,
        count(p_value) over (partition by dataset_a, dataset_b, method, control order by p_value) as n_as_small
    from cross_dataset_statistics
    where measure = 'cosine_unbiased' and layer is not null
),

shifts as (
    select
        *,
        case when p_value is not null then min(least(1, p_value * n_tests / n_as_small)) over (
            partition by dataset_a, dataset_b, method, control
            order by p_value range between current row and unbounded following
        ) end as q_value,
        -- an interval of 95 % is 2 x 1.96 standard errors wide
        null_high + 0.84 * (ci_high - ci_low) / (2 * 1.96) as smallest_effect
    from layers
)

select
    shifts.extraction_a,
    shifts.extraction_b,
    shifts.dataset_a,
    shifts.dataset_b,
    shifts.model,
    shifts.control,
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
    shifts.p_value,
    shifts.q_value,
    shifts.smallest_effect,
    case
        when shifts.value is null then null
        when shifts.p_value is null then 'too few topics to tell'
        when shifts.q_value >= 0.05 or coalesce(shifts.ci_low, 0) <= 0 then 'not shown to be alike'
        when shifts.ci_low > 0.8 then 'the same direction'
        when shifts.ci_high < 0.8 then 'a similar direction, and not the same'
        else 'a similar direction, not shown to be the same'
    end as verdict
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
