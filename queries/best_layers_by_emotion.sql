-- The layer whose direction separates an emotion best in training, against the best layer that chance would find; and the test value there.
-- Grain: extraction_id, dataset, model, method, reference, pooling, emotion
-- Reads: vector_quality
-- Column auroc: the highest over the averaged layers, on held-out folds of the training set
-- Column max_null_high: 97.5 % quantile of the highest over layers when labels are permuted within topics
-- Column max_p_value: of auroc, against the highest over layers of each draw
-- Column auroc_surface: what final character, number of words and first word alone give on the same folds
-- Column heldout_auroc: on the prompts of test sets at that layer; the layer was not chosen on them, so it needs no correction
-- Column heldout_ci_low: lower end of its 95 % interval
-- Column heldout_ci_high: upper end of its 95 % interval
-- Column heldout_null_high: 97.5 % quantile when labels are permuted within test topics
-- Column heldout_p_value: of heldout_auroc, upper tail
with best as (
    select * from vector_quality
    where measure = 'auroc_best'
),

heldout as (
    select * from vector_quality
    where measure = 'auroc_heldout'
),

surface as (
    select * from vector_quality
    where measure = 'auroc_surface'
)

select
    best.extraction_id,
    best.dataset,
    best.model,
    best.method,
    best.reference,
    best.pooling,
    best.emotion,
    best.layer,
    best.value as auroc,
    best.null_high as max_null_high,
    best.p_value as max_p_value,
    surface.value as auroc_surface,
    heldout.value as heldout_auroc,
    heldout.ci_low as heldout_ci_low,
    heldout.ci_high as heldout_ci_high,
    heldout.null_high as heldout_null_high,
    heldout.p_value as heldout_p_value
from best
left join heldout
    on
        best.extraction_id = heldout.extraction_id
        and best.method = heldout.method
        and best.reference = heldout.reference
        and best.pooling = heldout.pooling
        and best.emotion = heldout.emotion
        and best.layer = heldout.layer
left join surface
    on
        best.extraction_id = surface.extraction_id
        and best.method = surface.method
        and best.reference = surface.reference
        and best.pooling = surface.pooling
        and best.emotion = surface.emotion
