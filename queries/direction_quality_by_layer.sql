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
-- Column auroc_heldout: on the prompts of test sets; NULL where none is in the store
-- Column auroc_heldout_ci_low: lower end of its 95 % interval
-- Column auroc_heldout_ci_high: upper end of its 95 % interval
-- Column auroc_heldout_p_value: of auroc_heldout, upper tail, labels permuted within test topics
-- Column split_half: cosine of the directions of two halves of the topics, Spearman-Brown corrected
-- Column split_half_null_high: 97.5 % quantile when labels are permuted within topics
-- Column split_half_p_value: of split_half, upper tail
-- Column centroid_accuracy: share of the emotion's prompts nearest to its own centroid among all labels'
-- Column centroid_accuracy_chance: the same when labels are permuted within topics
-- Column centroid_accuracy_p_value: of centroid_accuracy, upper tail
with surface as (
    select extraction_id, method, reference, pooling, emotion, value, ci_high
    from vector_quality
    where measure = 'auroc_surface'
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
        max(value) filter (where measure = 'auroc_heldout') as auroc_heldout,
        max(ci_low) filter (where measure = 'auroc_heldout') as auroc_heldout_ci_low,
        max(ci_high) filter (where measure = 'auroc_heldout') as auroc_heldout_ci_high,
        max(p_value) filter (where measure = 'auroc_heldout') as auroc_heldout_p_value,
        max(value) filter (where measure = 'split_half') as split_half,
        max(null_high) filter (where measure = 'split_half') as split_half_null_high,
        max(p_value) filter (where measure = 'split_half') as split_half_p_value,
        max(value) filter (where measure = 'centroid_accuracy') as centroid_accuracy,
        max(null_mean) filter (where measure = 'centroid_accuracy') as centroid_accuracy_chance,
        max(p_value) filter (where measure = 'centroid_accuracy') as centroid_accuracy_p_value
    from vector_quality
    where measure not in ('auroc_surface', 'auroc_best')
    group by all
)

select
    wide.*,
    surface.value as auroc_surface,
    surface.ci_high as auroc_surface_ci_high
from wide
left join surface using (extraction_id, method, reference, pooling, emotion)
