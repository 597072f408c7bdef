-- How well a direction separates the prompts of each test set, which took no part in making it, beside what words alone reach there.
-- Grain: extraction_id, dataset, model, control, method, reference, pooling, emotion, layer, test_set
-- Reads: vector_quality
-- Column control: kind of control that the directions are of; NULL for a model
-- Column layer: of the direction; NULL is the mean over layers
-- Column auroc: of the direction of the whole training set, on the prompts of the test set
-- Column auroc_ci_low: lower end of its 95 % interval, test topics resampled
-- Column auroc_ci_high: upper end of its 95 % interval
-- Column auroc_null_high: 97.5 % quantile when labels are permuted within test topics
-- Column auroc_p_value: of auroc, upper tail
-- Column auroc_words: of the words of the training texts alone; has no layer, stands in every row
-- Column auroc_words_ci_low: lower end of its 95 % interval
-- Column auroc_words_ci_high: upper end of its 95 % interval
-- Column auroc_gain: auroc minus auroc_words, on the same prompts
-- Column auroc_gain_ci_low: lower end of its 95 % interval, the same topics resampled for both
-- Column auroc_gain_ci_high: upper end of its 95 % interval
with texts as (
    select
        extraction_id,
        method,
        reference,
        pooling,
        emotion,
        test_set,
        value as auroc_words,
        ci_low as auroc_words_ci_low,
        ci_high as auroc_words_ci_high
    from vector_quality
    where measure = 'auroc_words_heldout' and control is null
),

wide as (
    select
        extraction_id,
        dataset,
        model,
        method,
        reference,
        pooling,
        emotion,
        layer,
        test_set,
        max(control) filter (where measure = 'auroc_heldout') as control,
        max(value) filter (where measure = 'auroc_heldout') as auroc,
        max(ci_low) filter (where measure = 'auroc_heldout') as auroc_ci_low,
        max(ci_high) filter (where measure = 'auroc_heldout') as auroc_ci_high,
        max(null_high) filter (where measure = 'auroc_heldout') as auroc_null_high,
        max(p_value) filter (where measure = 'auroc_heldout') as auroc_p_value,
        max(value) filter (where measure = 'auroc_gain_heldout' and control is null) as auroc_gain,
        max(ci_low) filter (where measure = 'auroc_gain_heldout' and control is null) as auroc_gain_ci_low,
        max(ci_high) filter (where measure = 'auroc_gain_heldout' and control is null) as auroc_gain_ci_high
    from vector_quality
    where measure in ('auroc_heldout', 'auroc_gain_heldout')
    group by all
)

select
    wide.*,
    texts.auroc_words,
    texts.auroc_words_ci_low,
    texts.auroc_words_ci_high
from wide
left join texts using (extraction_id, method, reference, pooling, emotion, test_set)
