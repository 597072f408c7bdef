-- Every statistic of two models as it is stored, with its q-value; rows without layers are means over the matched layers.
-- Grain: extraction_a, extraction_b, dataset, method, reference, pooling, layer_a, layer_b, emotion, target_emotion, measure, control, mapping, fit, k
-- Reads: cross_model_statistics
-- Column q_value: Benjamini-Hochberg over the p-values of one dataset, measure, control, fit and mapping; means over layers are a family of their own
with tested as (
    select
        *,
        count(p_value) over family as n_tests,
        count(p_value) over (family order by p_value) as n_smaller
    from cross_model_statistics
    window family as (partition by dataset, measure, control, fit, mapping, layer_a is null)
)

select
    * exclude (n_tests, n_smaller),
    case when p_value is not null then min(p_value * n_tests / n_smaller) over (
        partition by dataset, measure, control, fit, mapping, layer_a is null
        order by p_value range between current row and unbounded following
    ) end as q_value
from tested
