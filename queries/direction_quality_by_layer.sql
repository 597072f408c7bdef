-- Whether each emotion has a direction at each layer: separability and reliability beside their nulls; layer NULL is the mean over layers.
-- Grain: extraction_id, dataset, model, method, reference, pooling, emotion, layer
-- Reads: vector_quality
-- Column auroc: prompts of held-out topics on the direction of the other topics
-- Column auroc_ci_low: lower end of its 95 % interval, topics resampled
-- Column auroc_ci_high: upper end of its 95 % interval
-- Column auroc_null_low: 2.5 % quantile when labels are permuted within topics
-- Column auroc_null_high: 97.5 % quantile when labels are permuted within topics
-- Column auroc_p_value: of auroc, upper tail
-- Column auroc_random_low: 2.5 % quantile of the same on Gaussian directions
-- Column auroc_random_high: 97.5 % quantile of the same on Gaussian directions
-- Column auroc_surface: the same from final character, number of words and first word alone; has no layer, stands in every row
-- Column auroc_surface_ci_high: upper end of its 95 % interval
-- Column auroc_words: the same from the words of the texts alone; has no layer, stands in every row
-- Column auroc_words_ci_low: lower end of its 95 % interval
-- Column auroc_words_ci_high: upper end of its 95 % interval
-- Column auroc_gain: auroc minus auroc_words, on the same prompts
-- Column auroc_gain_ci_low: lower end of its 95 % interval, the same topics resampled for both
-- Column auroc_gain_ci_high: upper end of its 95 % interval
-- Column split_half: cosine of the directions of two halves of the topics, Spearman-Brown corrected
-- Column split_half_null_high: 97.5 % quantile when labels are permuted within topics
-- Column split_half_p_value: of split_half, upper tail
-- Column centroid_accuracy: share of the emotion's prompts nearest to its own centroid among all labels'
-- Column centroid_accuracy_chance: the same when labels are permuted within topics
-- Column centroid_accuracy_p_value: of centroid_accuracy, upper tail
with texts as (
    select
        extraction_id,
        method,
        reference,
        pooling,
        emotion,
        max(value) filter (where measure = 'auroc_surface') as auroc_surface,
        max(ci_high) filter (where measure = 'auroc_surface') as auroc_surface_ci_high,
        max(value) filter (where measure = 'auroc_words') as auroc_words,
        max(ci_low) filter (where measure = 'auroc_words') as auroc_words_ci_low,
        max(ci_high) filter (where measure = 'auroc_words') as auroc_words_ci_high
    from vector_quality
    where measure in ('auroc_surface', 'auroc_words')
    group by all
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
        max(value) filter (where measure = 'auroc') as auroc,
        max(ci_low) filter (where measure = 'auroc') as auroc_ci_low,
        max(ci_high) filter (where measure = 'auroc') as auroc_ci_high,
        max(null_low) filter (where measure = 'auroc') as auroc_null_low,
        max(null_high) filter (where measure = 'auroc') as auroc_null_high,
        max(p_value) filter (where measure = 'auroc') as auroc_p_value,
        max(null_low) filter (where measure = 'auroc_random') as auroc_random_low,
        max(null_high) filter (where measure = 'auroc_random') as auroc_random_high,
        max(value) filter (where measure = 'auroc_gain') as auroc_gain,
        max(ci_low) filter (where measure = 'auroc_gain') as auroc_gain_ci_low,
        max(ci_high) filter (where measure = 'auroc_gain') as auroc_gain_ci_high,
        max(value) filter (where measure = 'split_half') as split_half,
        max(null_high) filter (where measure = 'split_half') as split_half_null_high,
        max(p_value) filter (where measure = 'split_half') as split_half_p_value,
        max(value) filter (where measure = 'centroid_accuracy') as centroid_accuracy,
        max(null_mean) filter (where measure = 'centroid_accuracy') as centroid_accuracy_chance,
        max(p_value) filter (where measure = 'centroid_accuracy') as centroid_accuracy_p_value
    from vector_quality
    where test_set is null and control is null and measure not in ('auroc_surface', 'auroc_words', 'auroc_best')
    group by all
)

select
    wide.*,
    texts.auroc_surface,
    texts.auroc_surface_ci_high,
    texts.auroc_words,
    texts.auroc_words_ci_low,
    texts.auroc_words_ci_high
from wide
left join texts using (extraction_id, method, reference, pooling, emotion)
