-- Whether adding a direction does what its name says: the effect at the largest alpha within the damage budget, in words.
-- A reference that is a label tests emotional against neutral text; `others` tests an emotion against the other emotions.
-- Grain: run_id, extraction_id, dataset, model, test_dataset, method, reference, pooling, emotion, layer
-- Reads: steering_effects_by_alpha
-- Column effect: change of log-probability, nats a token: of the emotion's texts minus neutral or other emotions' texts
-- Column ci_low: lower end of its 95 % interval, test topics resampled and the direction fixed
-- Column ci_high: upper end of that interval
-- Column null_low: 2.5 % quantile for directions of permuted labels
-- Column null_high: 97.5 % quantile for directions of permuted labels
-- Column p_value: of effect against permuted labels, upper tail
-- Column q_value: Benjamini and Hochberg's q over emotions, references, layers and models of these two datasets
-- Column n_draws: directions of permuted labels that were added
-- Column effect_own: change of the emotion's own texts alone
-- Column effect_own_low: lower end of its 95 % interval
-- Column effect_own_high: upper end of its 95 % interval
-- Column damage_kl: mean KL of the changed model's predictions on neutral texts, nats a token; the budget is 0.5
-- Column damage_nll: by how much neutral texts become less probable, nats a token
-- Column linearity: effect over its first-order prediction
-- Column untrained: the effect of the same emotion's direction in the untrained copy, added to the trained model at the same alpha
-- Column controls_needed: permuted directions with which an effect that stands alone among those tested can reach q < 0.05
-- Column verdict: what may be said; the first of the reasons that applies
with within_budget as (
    select
        *,
        damage_kl is null or damage_kl < 0.5 as is_within
    from steering_effects_by_alpha
    where control is null
),

chosen as (
    select * from within_budget
    qualify
        row_number() over (
            partition by run_id, method, reference, pooling, emotion, layer
            -- the largest within the budget; where none is, the smallest
            order by is_within desc, case when is_within then -alpha else alpha end
        ) = 1
),

ranked as (
    select
        *,
        count(p_value) over (partition by dataset, test_dataset, method) as n_tests,
        count(p_value) over (
            partition by dataset, test_dataset, method
            order by p_value range unbounded preceding
        ) as n_as_small
    from chosen
),

tested as (
    select
        *,
        case when p_value is not null then min(least(1, p_value * n_tests / n_as_small)) over (
            partition by dataset, test_dataset, method
            order by p_value range between current row and unbounded following
        ) end as q_value
    from ranked
),

beside as (
    select
        tested.*,
        controls.effect as untrained
    from tested
    left join steering_effects_by_alpha as controls
        on
            tested.run_id = controls.run_id
            and controls.control = 'untrained'
            and tested.method = controls.method
            and tested.reference = controls.reference
            and tested.pooling = controls.pooling
            and tested.emotion = controls.emotion
            and tested.layer = controls.layer
            and tested.alpha = controls.alpha
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
    method,
    reference,
    pooling,
    emotion,
    layer,
    alpha,
    effect,
    ci_low,
    ci_high,
    null_kind,
    null_low,
    null_high,
    p_value,
    q_value,
    n_draws,
    effect_own,
    effect_own_low,
    effect_own_high,
    damage_kl,
    damage_nll,
    linearity,
    untrained,
    20 * n_tests as controls_needed,
    case
        when effect is null then null
        when not is_within then 'beyond the damage budget'
        when p_value is null then 'too few topics to tell'
        -- beyond every draw, which were too few for these many tests
        when q_value >= 0.05 and p_value * (n_draws + 1) < 1.5 and ci_low > 0 then 'too few permuted directions to tell'
        when q_value >= 0.05 or coalesce(ci_low, 0) <= 0 then 'no more than permuted labels do'
        when coalesce(effect_own_low, 0) <= 0 and reference = 'others' then 'only by making other emotions'' text worse'
        when coalesce(effect_own_low, 0) <= 0 then 'only by making neutral text worse'
        when reference = 'others' then 'moves its own emotion'
        else 'moves emotional against neutral text'
    end as verdict
from beside
