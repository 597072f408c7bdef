-- Every statistic of two models as it is stored, with its q-value; rows without layers are means over the matched layers.
-- Grain: extraction_a, extraction_b, dataset, method, reference, pooling, layer_a, layer_b, emotion, measure, mapping, fit, k
-- Reads: cross_model_statistics
-- Column q_value: Benjamini-Hochberg over all rows of the dataset and measure that have a p-value
with tested as (
    select
        *,
        count(p_value) over (partition by dataset, measure) as n_tests,
        count(p_value) over (partition by dataset, measure order by p_value) as n_smaller
    from cross_model_statistics
)

select
    * exclude (n_tests, n_smaller),
    case when p_value is not null then min(p_value * n_tests / n_smaller) over (
        partition by dataset, measure order by p_value range between current row and unbounded following
    ) end as q_value
from tested
