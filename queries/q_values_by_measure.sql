-- Every p-value within models with its q-value (Benjamini and Hochberg 1995); a family is one measure of one method on one dataset, as read now.
-- Grain: extraction_id, dataset, model, method, reference, pooling, layer, emotion_a, emotion_b, measure, control, test_set
-- Reads: vector_quality, within_model_statistics
-- Column q_value: least false discovery rate at which this row would count as significant
-- Column n_tests: p-values in the family
with tests as (
    select
        extraction_id, dataset, model, method, reference, pooling, layer,
        emotion as emotion_a, null::varchar as emotion_b, measure, control, test_set, value, p_value
    from vector_quality
    where p_value is not null
    union all
    select
        extraction_id, dataset, model, method, reference, pooling, layer,
        emotion_a, emotion_b, measure, control, null::varchar as test_set, value, p_value
    from within_model_statistics
    where p_value is not null
),

ranked as (
    select
        *,
        count(*) over (partition by dataset, method, measure) as n_tests,
        count(*) over (partition by dataset, method, measure order by p_value range unbounded preceding) as n_as_small
    from tests
)

select
    * exclude (n_as_small),
    min(least(1, p_value * n_tests / n_as_small)) over (
        partition by dataset, method, measure order by p_value range between current row and unbounded following
    ) as q_value
from ranked
