-- What each head and each MLP writes onto an emotion's direction, as a difference between the labels of a test set.
-- Grain: run_id, extraction_id, dataset, model, layer, emotion, reference, component, block, head
-- Reads: component_statistics
-- Column share: value over that of the whole state; shares add up to 1, and single ones may be negative or above 1
-- Column p_value: of head, mlp and embedding against the largest of all of them when labels are permuted; of total its own
select
    run_id,
    extraction_id,
    dataset,
    model,
    pooling,
    test_set,
    layer,
    emotion,
    reference,
    component,
    block,
    head,
    value,
    ci_low,
    ci_high,
    null_low,
    null_high,
    p_value,
    n,
    value / nullif(
        max(value) filter (where component = 'total') over (partition by run_id, layer, emotion, reference), 0
    ) as share
from component_statistics
