-- How much of what a text has told is held at each layer, as a share of the whole: the effect of what is carried over the total.
-- It is at all tokens of the suffix, or at its only one. Nothing is a share where the interval of the total holds 0.
-- Grain: run_id, extraction_id, dataset, model, test_set, reference, pooling, suffix, emotion, site, layer
-- Reads: patching_statistics
-- Column total: mean log-odds of the emotion behind its own texts minus that behind neutral ones, nats
-- Column is_carried: whether states were carried; else the share is that of the effect to first order
-- Column share: mean effect over the mean total
-- Column share_low: lower end of its 95 % interval; of a guess, with the total as it is
-- Column share_high: upper end of that interval
-- Column neutral_share: the same with a neutral text of another topic as the donor
-- Column null_low: 2.5 % quantile of the share for directions of permuted labels
-- Column null_high: 97.5 % quantile of that
-- Column gaussian_low: 2.5 % quantile of the guess for Gaussian directions, as a share
-- Column gaussian_high: 97.5 % quantile of that
with places as (
    select
        run_id,
        case when bool_or(positions = 'suffix') then 'suffix' else '-1' end as positions
    from patching_statistics
    where layer is not null and head is null
    group by all
),

wholes as (
    select
        run_id,
        emotion,
        max(value) as total
    from patching_statistics
    where measure = 'total' and (ci_low > 0 or ci_high < 0)
    group by all
),

cells as (
    select
        s.run_id,
        s.extraction_id,
        s.dataset,
        s.model,
        s.test_set,
        s.reference,
        s.pooling,
        s.suffix,
        s.emotion,
        s.site,
        s.layer,
        wholes.total,
        bool_or(s.measure = 'effect') as is_carried,
        max(s.value) filter (where s.measure = 'share') as share,
        max(s.ci_low) filter (where s.measure = 'share') as share_low,
        max(s.ci_high) filter (where s.measure = 'share') as share_high,
        max(s.value) filter (where s.measure = 'attribution') as guess,
        max(s.ci_low) filter (where s.measure = 'attribution') as guess_from,
        max(s.ci_high) filter (where s.measure = 'attribution') as guess_to,
        max(s.value) filter (where s.measure = 'effect') as effect,
        max(s.value) filter (where s.measure = 'effect_beyond_neutral') as beyond,
        max(s.value) filter (where s.measure = 'attribution_beyond_neutral') as guess_beyond,
        max(s.null_low) filter (where s.measure = 'effect_against_directions') as carried_from,
        max(s.null_high) filter (where s.measure = 'effect_against_directions') as carried_to,
        max(s.null_low) filter (
            where s.measure = 'attribution_against_directions' and s.null_kind <> 'gaussian'
        ) as guessed_from,
        max(s.null_high) filter (
            where s.measure = 'attribution_against_directions' and s.null_kind <> 'gaussian'
        ) as guessed_to,
        max(s.null_low) filter (
            where s.measure = 'attribution_against_directions' and s.null_kind = 'gaussian'
        ) as gaussian_from,
        max(s.null_high) filter (
            where s.measure = 'attribution_against_directions' and s.null_kind = 'gaussian'
        ) as gaussian_to
    from patching_statistics as s
    inner join places
        on s.run_id = places.run_id and s.positions = places.positions
    left join wholes
        on s.run_id = wholes.run_id and s.emotion = wholes.emotion
    where s.layer is not null and s.head is null
    group by all
),

shares as (
    select
        * exclude (carried_from, carried_to, guessed_from, guessed_to),
        case when is_carried then carried_from else guessed_from end as drawn_from,
        case when is_carried then carried_to else guessed_to end as drawn_to
    from cells
)

select
    run_id,
    extraction_id,
    dataset,
    model,
    test_set,
    reference,
    pooling,
    suffix,
    emotion,
    site,
    layer,
    total,
    is_carried,
    case when is_carried then share else guess / total end as share,
    -- a total below 0 turns the ends around
    case when is_carried then share_low else least(guess_from / total, guess_to / total) end as share_low,
    case when is_carried then share_high else greatest(guess_from / total, guess_to / total) end as share_high,
    case when is_carried then effect - beyond else guess - guess_beyond end / total as neutral_share,
    least(drawn_from / total, drawn_to / total) as null_low,
    greatest(drawn_from / total, drawn_to / total) as null_high,
    least(gaussian_from / total, gaussian_to / total) as gaussian_low,
    greatest(gaussian_from / total, gaussian_to / total) as gaussian_high
from shares
