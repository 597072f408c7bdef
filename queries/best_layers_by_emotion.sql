-- The layer whose direction separates an emotion best in training, against the best layer that chance would find; and the test value there.
-- Grain: extraction_id, dataset, model, control, method, reference, pooling, emotion, test_set
-- Reads: vector_quality, test_sets_by_layer
-- Column auroc: the highest over the averaged layers, on held-out folds of the training set
-- Column max_null_high: 97.5 % quantile of the highest over layers when labels are permuted within topics
-- Column max_p_value: of auroc, against the highest over layers of each draw
-- Column d_prime: difference of the emotion's and the reference's held-out scores there, in standard deviations of one label's
-- Column d_prime_ci_low: lower end of its 95 % interval
-- Column d_prime_ci_high: upper end of its 95 % interval
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

-- at one layer
layers as (
    select
        extraction_id,
        control,
        method,
        reference,
        pooling,
        emotion,
        layer,
        max(value) filter (where measure = 'd_prime') as d_prime,
        max(ci_low) filter (where measure = 'd_prime') as d_prime_ci_low,
        max(ci_high) filter (where measure = 'd_prime') as d_prime_ci_high,
        max(value) filter (where measure = 'auroc_gain') as auroc_gain,
        max(ci_low) filter (where measure = 'auroc_gain') as gain_ci_low,
        max(ci_high) filter (where measure = 'auroc_gain') as gain_ci_high
    from vector_quality
    where measure in ('d_prime', 'auroc_gain')
    group by all
),

-- without a layer
texts as (
    select
        extraction_id,
        control,
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
    best.control,
    best.method,
    best.reference,
    best.pooling,
    best.emotion,
    best.layer,
    best.value as auroc,
    best.null_high as max_null_high,
    best.p_value as max_p_value,
    layers.d_prime,
    layers.d_prime_ci_low,
    layers.d_prime_ci_high,
    texts.auroc_surface,
    texts.auroc_words,
    layers.auroc_gain,
    layers.gain_ci_low,
    layers.gain_ci_high,
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
left join layers
    on
        best.extraction_id = layers.extraction_id
        and best.control is not distinct from layers.control
        and best.method = layers.method
        and best.reference = layers.reference
        and best.pooling = layers.pooling
        and best.emotion = layers.emotion
        and best.layer = layers.layer
left join texts
    on
        best.extraction_id = texts.extraction_id
        and best.control is not distinct from texts.control
        and best.method = texts.method
        and best.reference = texts.reference
        and best.pooling = texts.pooling
        and best.emotion = texts.emotion
left join test_sets_by_layer as tests
    on
        best.extraction_id = tests.extraction_id
        and best.method = tests.method
        and best.reference = tests.reference
        and best.pooling = tests.pooling
        and best.emotion = tests.emotion
        and best.layer = tests.layer
