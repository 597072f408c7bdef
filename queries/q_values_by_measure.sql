-- Every p-value within models with its q-value (Benjamini and Hochberg 1995), as read now.
-- A family is one measure of one method on one dataset; means over layers and controls are families of their own.
-- Grain: extraction_id, dataset, model, method, reference, pooling, layer, emotion_a, emotion_b, measure, control, test_set
-- Reads: vector_quality, within_model_statistics, lens_statistics
-- Column q_value: least false discovery rate at which this row would count as significant
-- Column n_tests: p-values in the family; what texts give counts once for all models and poolings
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
    union all
    select
        extraction_id, dataset, model, 'mean_difference' as method, reference, pooling, layer,
        emotion as emotion_a, null::varchar as emotion_b, measure, null::varchar as control, null::varchar as test_set,
        value, p_value
    from lens_statistics
    where p_value is not null
),

numbered as (
    select
        *,
        row_number() over (
            partition by
                dataset, control, method, reference, layer, emotion_a, emotion_b, measure, test_set,
                case when measure not in ('auroc_surface', 'auroc_words', 'auroc_words_heldout') then (extraction_id, pooling) end
            order by p_value
        ) as copy
    from tests
),

ranked as (
    select
        * exclude (copy),
        count(*) filter (where copy = 1) over (partition by dataset, control, method, measure, layer is null) as n_tests,
        count(*) filter (where copy = 1) over (
            partition by dataset, control, method, measure, layer is null
            order by p_value range unbounded preceding
        ) as n_as_small
    from numbered
)

select
    * exclude (n_as_small),
    min(least(1, p_value * n_tests / n_as_small)) over (
        partition by dataset, control, method, measure, layer is null
        order by p_value range between current row and unbounded following
    ) as q_value
from ranked
