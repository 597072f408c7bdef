-- Statistics that cannot be: a probability outside 0 to 1, an interval or a band upside down, a cosine beyond 1.
-- Grain: file, detail
-- Reads: vector_quality, within_model_statistics, cross_model_statistics, consensus_statistics, steering_statistics
with statistics as (
    select file, measure, value, ci_low, ci_high, null_low, null_high, p_value, n from vector_quality
    union all
    select file, measure, value, ci_low, ci_high, null_low, null_high, p_value, n from within_model_statistics
    union all
    select file, measure, value, ci_low, ci_high, null_low, null_high, p_value, n from cross_model_statistics
    union all
    select file, measure, value, ci_low, ci_high, null_low, null_high, p_value, n from consensus_statistics
    union all
    select file, measure, value, ci_low, ci_high, null_low, null_high, p_value, n from steering_statistics
)

select
    file,
    measure || ': value ' || coalesce(value::varchar, 'NULL') || ', interval ' || coalesce(ci_low::varchar, 'NULL') || ' to '
    || coalesce(ci_high::varchar, 'NULL') || ', null ' || coalesce(null_low::varchar, 'NULL') || ' to '
    || coalesce(null_high::varchar, 'NULL') || ', p ' || coalesce(p_value::varchar, 'NULL') as detail
from statistics
where
    p_value not between 0 and 1
    or ci_low > ci_high
    or null_low > null_high
    or (measure = 'cosine' and abs(value) > 1 + 1e-6)
