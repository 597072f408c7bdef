-- What each direction does to texts of a test set when it is added: effect, what it costs, and how linear it is, for each alpha.
-- Grain: run_id, extraction_id, dataset, model, test_dataset, control, method, reference, pooling, emotion, layer, alpha
-- Reads: steering_statistics, steering_runs, steering_responses_by_layer
-- Column effect: change of log-probability, nats a token: of the emotion's texts minus neutral or other emotions' texts
-- Column ci_low: lower end of its 95 % interval, test topics resampled and the direction fixed
-- Column ci_high: upper end of that interval
-- Column null_low: 2.5 % quantile for directions of permuted labels; NULL where none were added
-- Column null_high: 97.5 % quantile for directions of permuted labels
-- Column p_value: of effect against permuted labels, upper tail
-- Column n_draws: directions of permuted labels that were added
-- Column effect_own: change of the emotion's own texts alone
-- Column effect_own_low: lower end of its 95 % interval
-- Column effect_own_high: upper end of its 95 % interval
-- Column damage_kl: mean KL of the changed model's predictions on neutral texts, nats a token
-- Column damage_nll: by how much neutral texts become less probable, nats a token
-- Column predicted: alpha times the first-order response
-- Column linearity: effect over predicted
with wide as (
    select
        run_id,
        control,
        method,
        reference,
        pooling,
        emotion,
        layer,
        alpha,
        max(value) filter (where measure in ('effect_general', 'effect_specific')) as effect,
        max(ci_low) filter (where measure in ('effect_general', 'effect_specific')) as ci_low,
        max(ci_high) filter (where measure in ('effect_general', 'effect_specific')) as ci_high,
        max(null_low) as null_low,
        max(null_high) as null_high,
        max(p_value) as p_value,
        max(n_draws) as n_draws,
        max(null_kind) as null_kind,
        max(value) filter (where measure = 'effect_own') as effect_own,
        max(ci_low) filter (where measure = 'effect_own') as effect_own_low,
        max(ci_high) filter (where measure = 'effect_own') as effect_own_high,
        max(value) filter (where measure = 'damage_kl') as damage_kl,
        max(value) filter (where measure = 'damage_nll') as damage_nll,
        max(value) filter (where measure = 'linearity') as linearity
    from steering_statistics
    where operation = 'add' and alpha is not null and measure != 'effect_on_label'
    group by all
)

select
    wide.run_id,
    runs.extraction_id,
    runs.dataset,
    runs.model,
    runs.test_dataset,
    runs.positions,
    runs.prefix,
    runs.unit,
    wide.control,
    wide.method,
    wide.reference,
    wide.pooling,
    wide.emotion,
    wide.layer,
    wide.alpha,
    wide.effect,
    wide.ci_low,
    wide.ci_high,
    wide.null_kind,
    wide.null_low,
    wide.null_high,
    wide.p_value,
    wide.n_draws,
    wide.effect_own,
    wide.effect_own_low,
    wide.effect_own_high,
    wide.damage_kl,
    wide.damage_nll,
    wide.alpha * responses.response as predicted,
    wide.linearity
from wide
inner join steering_runs as runs on wide.run_id = runs.run_id
left join steering_responses_by_layer as responses
    on
        wide.run_id = responses.run_id
        and wide.control is not distinct from responses.control
        and wide.method = responses.method
        and wide.reference = responses.reference
        and wide.pooling = responses.pooling
        and wide.emotion = responses.emotion
        and wide.layer = responses.layer
