-- What each direction would do to texts of a test set, to first order, at each layer; layer NULL is the mean over layers.
-- Grain: run_id, extraction_id, dataset, model, test_dataset, control, method, reference, pooling, emotion, layer
-- Reads: steering_statistics, steering_runs
-- Column response: change of log-probability for alpha 1, nats a token: of the emotion's texts minus neutral or other emotions' texts
-- Column ci_low: lower end of its 95 % interval, test topics resampled and the direction fixed
-- Column ci_high: upper end of that interval
-- Column null_low: 2.5 % quantile for directions of permuted labels
-- Column null_high: 97.5 % quantile for directions of permuted labels
-- Column gaussian_low: 2.5 % quantile for Gaussian directions, which are too easy to beat
-- Column gaussian_high: 97.5 % quantile for Gaussian directions
-- Column response_own: the same change of the emotion's own texts alone
-- Column response_own_low: lower end of its 95 % interval
-- Column response_own_high: upper end of its 95 % interval
-- Column p_value: of response against permuted labels, upper tail
-- Column q_value: Benjamini and Hochberg's q over emotions, references, models and layers; means over layers apart from layers
with wide as (
    select
        run_id,
        control,
        method,
        reference,
        pooling,
        emotion,
        layer,
        max(value) filter (where measure != 'response_own') as response,
        max(ci_low) filter (where measure != 'response_own') as ci_low,
        max(ci_high) filter (where measure != 'response_own') as ci_high,
        max(null_low) filter (where measure != 'response_own' and null_kind != 'gaussian') as null_low,
        max(null_high) filter (where measure != 'response_own' and null_kind != 'gaussian') as null_high,
        max(null_low) filter (where null_kind = 'gaussian') as gaussian_low,
        max(null_high) filter (where null_kind = 'gaussian') as gaussian_high,
        max(value) filter (where measure = 'response_own') as response_own,
        max(ci_low) filter (where measure = 'response_own') as response_own_low,
        max(ci_high) filter (where measure = 'response_own') as response_own_high,
        max(p_value) filter (where measure != 'response_own' and null_kind != 'gaussian') as p_value
    from steering_statistics
    where measure in ('response_general', 'response_specific', 'response_own')
    group by all
),

named as (
    select
        wide.*,
        runs.extraction_id,
        runs.dataset,
        runs.model,
        runs.test_dataset,
        runs.positions,
        runs.prefix,
        runs.unit
    from wide
    inner join steering_runs as runs using (run_id)
),

ranked as (
    select
        *,
        count(p_value) over (partition by dataset, test_dataset, method, control, layer is null) as n_tests,
        count(p_value) over (
            partition by dataset, test_dataset, method, control, layer is null
            order by p_value range unbounded preceding
        ) as n_as_small
    from named
)

select
    run_id,
    extraction_id,
    dataset,
    model,
    test_dataset,
    positions,
    prefix,
    unit,
    control,
    method,
    reference,
    pooling,
    emotion,
    layer,
    response,
    ci_low,
    ci_high,
    null_low,
    null_high,
    gaussian_low,
    gaussian_high,
    response_own,
    response_own_low,
    response_own_high,
    p_value,
    case when p_value is not null then min(least(1, p_value * n_tests / n_as_small)) over (
        partition by dataset, test_dataset, method, control, layer is null
        order by p_value range between current row and unbounded following
    ) end as q_value
from ranked
