-- How much of each model's direction the consensus of the other models explains, and where it lies in the consensus plane.
-- Grain: consensus_id, extraction_id, method, reference, pooling, layer, emotion
-- Reads: consensus_statistics
-- Column consensus_rank: 0 for the first matched depth, and so on: rows of one rank were compared; NULL for the mean over layers
-- Column share: squared projection on the other models' mean direction over the squared length, on topics that fitted nothing
-- Column null_low: 2.5 % quantile of the share when the labels mean nothing
-- Column null_high: 97.5 % quantile of the same
-- Column q_value: Benjamini-Hochberg over all shares of the dataset
-- Column x: first coordinate of the unit direction in the plane in which all models' directions lie most
-- Column y: second coordinate of it
-- Column verdict: what may be said, in words
with pivoted as (
    select
        consensus_id,
        extraction_id,
        dataset,
        model,
        method,
        reference,
        pooling,
        layer,
        emotion,
        max(k) as k,
        any_value(value) filter (where measure = 'consensus_share') as share,
        any_value(ci_low) filter (where measure = 'consensus_share') as ci_low,
        any_value(ci_high) filter (where measure = 'consensus_share') as ci_high,
        any_value(null_mean) filter (where measure = 'consensus_share') as null_mean,
        any_value(null_low) filter (where measure = 'consensus_share') as null_low,
        any_value(null_high) filter (where measure = 'consensus_share') as null_high,
        any_value(p_value) filter (where measure = 'consensus_share') as p_value,
        any_value(value) filter (where measure = 'consensus_x') as x,
        any_value(value) filter (where measure = 'consensus_y') as y,
        any_value(n) as n
    from consensus_statistics
    group by all
),

tested as (
    select
        *,
        count(p_value) over (partition by dataset) as n_tests,
        count(p_value) over (partition by dataset order by p_value) as n_smaller,
        case when layer is not null then dense_rank() over (
            partition by consensus_id, extraction_id, method, reference, pooling order by layer
        ) - 1 end as consensus_rank
    from pivoted
),

judged as (
    select
        * exclude (n_tests, n_smaller),
        case when p_value is not null then min(p_value * n_tests / n_smaller) over (
            partition by dataset order by p_value range between current row and unbounded following
        ) end as q_value
    from tested
)

select
    *,
    case
        when share is null then 'not defined'
        when q_value <= 0.05 then 'the other models'' consensus explains part of it'
        else 'not told apart from chance'
    end as verdict
from judged
