-- What first-order effects predict of each direction: its layer with the largest response, against the largest of each draw.
-- Grain: run_id, extraction_id, dataset, model, test_dataset, control, method, reference, pooling, emotion
-- Reads: steering_statistics, steering_responses_by_layer
-- Column z: the response at that layer, in standard deviations of its null about the null's mean
-- Column z_null_high: 97.5 % quantile of the largest z over layers for directions of permuted labels
-- Column p_value: of z, upper tail
-- Column q_value: Benjamini and Hochberg's q over emotions, references and models
-- Column response: the response at that layer, for alpha 1, nats a token
-- Column null_high: 97.5 % quantile there for directions of permuted labels
-- Column gaussian_high: 97.5 % quantile there for Gaussian directions
-- Column response_own: the response of the emotion's own texts alone
-- Column verdict: predicted, or no more than permuted labels do; nothing was added to the model for this
with best as (
    select
        statistics.run_id,
        statistics.control,
        statistics.method,
        statistics.reference,
        statistics.pooling,
        statistics.emotion,
        statistics.layer,
        statistics.value as z,
        statistics.null_high as z_null_high,
        statistics.p_value as p_best,
        responses.* exclude (run_id, control, method, reference, pooling, emotion, layer, p_value, q_value)
    from steering_statistics as statistics
    inner join steering_responses_by_layer as responses
        on
            statistics.run_id = responses.run_id
            and statistics.control is not distinct from responses.control
            and statistics.method = responses.method
            and statistics.reference = responses.reference
            and statistics.pooling = responses.pooling
            and statistics.emotion = responses.emotion
            and statistics.layer = responses.layer
    where statistics.measure = 'response_best'
),

ranked as (
    select
        *,
        count(p_best) over (partition by dataset, test_dataset, method, control) as n_tests,
        count(p_best) over (
            partition by dataset, test_dataset, method, control
            order by p_best range unbounded preceding
        ) as n_as_small
    from best
),

tested as (
    select
        * exclude (n_tests, n_as_small),
        case when p_best is not null then min(least(1, p_best * n_tests / n_as_small)) over (
            partition by dataset, test_dataset, method, control
            order by p_best range between current row and unbounded following
        ) end as q_value
    from ranked
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
    z,
    z_null_high,
    p_best as p_value,
    q_value,
    response,
    null_high,
    gaussian_high,
    response_own,
    case
        when z is null then null
        when p_best is null then 'too few topics to tell'
        when q_value < 0.05 then 'predicted'
        else 'no more than permuted labels do'
    end as verdict
from tested
