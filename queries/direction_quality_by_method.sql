-- How well each method separates an emotion at each layer, on the same held-out topics; layer NULL is the mean over layers.
-- Grain: extraction_id, dataset, model, reference, pooling, emotion, layer
-- Reads: vector_quality, q_values_by_measure
-- Column mean_difference: AUROC of the mean difference
-- Column mean_difference_ci_low: lower end of its 95 % interval
-- Column mean_difference_ci_high: upper end of its 95 % interval
-- Column mean_difference_p_value: when labels are permuted within topics, upper tail
-- Column mean_difference_null_kind: what it is compared with; too_few where no permutation could give p <= 0.05
-- Column mean_difference_q_value: of that p-value, as in q_values_by_measure
-- Column whitened: AUROC of the mean difference in the metric of the prompts' covariance
-- Column whitened_ci_low: lower end of its 95 % interval
-- Column whitened_ci_high: upper end of its 95 % interval
-- Column whitened_p_value: when labels are permuted within topics, upper tail
-- Column whitened_q_value: of that p-value, as in q_values_by_measure
-- Column logistic: AUROC of logistic regression, which has no null
-- Column logistic_ci_low: lower end of its 95 % interval
-- Column logistic_ci_high: upper end of its 95 % interval
-- Column verdict: which method shows a direction: q below 0.05, or for logistic an interval above 0.5; too few topics to tell; NULL without mean_difference
with tests as (
    select
        quality.*,
        q_values.q_value
    from vector_quality as quality
    left join q_values_by_measure as q_values
        on
            quality.extraction_id = q_values.extraction_id
            and quality.method = q_values.method
            and quality.reference = q_values.reference
            and quality.pooling = q_values.pooling
            and quality.layer is not distinct from q_values.layer
            and quality.emotion = q_values.emotion_a
            and quality.measure = q_values.measure
            and quality.control is not distinct from q_values.control
            and quality.test_set is not distinct from q_values.test_set
    where quality.measure = 'auroc' and quality.control is null and quality.test_set is null
),

wide as (
    select
        extraction_id,
        dataset,
        model,
        reference,
        pooling,
        emotion,
        layer,
        max(value) filter (where method = 'mean_difference') as mean_difference,
        max(ci_low) filter (where method = 'mean_difference') as mean_difference_ci_low,
        max(ci_high) filter (where method = 'mean_difference') as mean_difference_ci_high,
        max(p_value) filter (where method = 'mean_difference') as mean_difference_p_value,
        max(null_kind) filter (where method = 'mean_difference') as mean_difference_null_kind,
        max(q_value) filter (where method = 'mean_difference') as mean_difference_q_value,
        max(value) filter (where method = 'whitened') as whitened,
        max(ci_low) filter (where method = 'whitened') as whitened_ci_low,
        max(ci_high) filter (where method = 'whitened') as whitened_ci_high,
        max(p_value) filter (where method = 'whitened') as whitened_p_value,
        max(q_value) filter (where method = 'whitened') as whitened_q_value,
        max(value) filter (where method = 'logistic') as logistic,
        max(ci_low) filter (where method = 'logistic') as logistic_ci_low,
        max(ci_high) filter (where method = 'logistic') as logistic_ci_high
    from tests
    group by all
)

select
    *,
    case
        when mean_difference is null then null
        when mean_difference_null_kind = 'too_few' then 'too few topics to tell'
        when mean_difference_q_value < 0.05 then 'shown by mean_difference'
        when whitened_q_value < 0.05 then 'not shown by mean_difference, shown by whitened'
        when logistic_ci_low > 0.5 then 'not shown by mean_difference, shown by logistic'
        else 'shown by no method'
    end as verdict
from wide
