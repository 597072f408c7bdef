-- The layer whose direction separates an emotion best in training, against the best layer that chance would find; and the test value there.
-- Grain: extraction_id, dataset, model, method, reference, pooling, emotion, test_set
-- Reads: vector_quality, test_sets_by_layer
-- Column auroc: the highest over the averaged layers, on held-out folds of the training set
-- Column max_null_high: 97.5 % quantile of the highest over layers when labels are permuted within topics
-- Column max_p_value: of auroc, against the highest over layers of each draw
-- Column auroc_surface: what final character, number of words and first word alone give on the same folds
-- Column auroc_words: what the words of the texts give on the same folds
-- Column auroc_gain: auroc minus auroc_words; a best layer was chosen, so its gain is too large by that choice
-- Column gain_ci_low: lower end of its 95 % interval
-- Column gain_ci_high: upper end of its 95 % interval
-- Column heldout_auroc: on the prompts of the test set at that layer; the layer was not chosen on them, so it needs no correction
-- Column heldout_ci_low: lower end of its 95 % interval
-- Column heldout_ci_high: upper end of its 95 % interval
-- Column heldout_null_high: 97.5 % quantile when labels are permuted within test topics
-- Column heldout_p_value: of heldout_auroc, upper tail
-- Column heldout_words: what the words of the training texts give on the prompts of the test set
-- Column heldout_gain: heldout_auroc minus heldout_words; the layer was not chosen on these prompts
-- Column heldout_gain_ci_low: lower end of its 95 % interval
-- Column heldout_gain_ci_high: upper end of its 95 % interval
with best as (
    select * from vector_quality
    where measure = 'auroc_best'
),

gains as (
    select
        extraction_id,
        method,
        reference,
        pooling,
        emotion,
        layer,
        value as auroc_gain,
        ci_low as gain_ci_low,
        ci_high as gain_ci_high
    from vector_quality
    where measure = 'auroc_gain' and control is null
),

-- without a layer
texts as (
    select
        extraction_id,
        method,
        reference,
        pooling,
        emotion,
        max(value) filter (where measure = 'auroc_surface') as auroc_surface,
        max(value) filter (where measure = 'auroc_words') as auroc_words
    from vector_quality
    where measure in ('auroc_surface', 'auroc_words')
    group by all
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
    texts.auroc_surface,
    texts.auroc_words,
    gains.auroc_gain,
    gains.gain_ci_low,
    gains.gain_ci_high,
    tests.test_set,
    tests.auroc as heldout_auroc,
    tests.auroc_ci_low as heldout_ci_low,
    tests.auroc_ci_high as heldout_ci_high,
    tests.auroc_null_high as heldout_null_high,
    tests.auroc_p_value as heldout_p_value,
    tests.auroc_words as heldout_words,
    tests.auroc_gain as heldout_gain,
    tests.auroc_gain_ci_low as heldout_gain_ci_low,
    tests.auroc_gain_ci_high as heldout_gain_ci_high
from best
left join gains using (extraction_id, method, reference, pooling, emotion, layer)
left join texts using (extraction_id, method, reference, pooling, emotion)
left join test_sets_by_layer as tests using (extraction_id, method, reference, pooling, emotion, layer)
