-- Whether each emotion has a direction at each layer: separability and reliability beside their nulls; layer NULL is the mean over layers.
-- Grain: extraction_id, dataset, model, control, method, reference, pooling, emotion, layer
-- Reads: vector_quality, q_values_by_measure
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
-- Column d_prime: difference of the emotion's and the reference's held-out scores, in standard deviations of one label's
-- Column d_prime_ci_low: lower end of its 95 % interval
-- Column d_prime_ci_high: upper end of its 95 % interval
-- Column squared_distance: of emotion and reference, without noise, in squared units of the activations
-- Column auroc_q_value: Benjamini and Hochberg's q of auroc, as in q_values_by_measure
-- Column smallest_effect: smallest AUROC that a study like this shows with probability 0.8: null_high + 0.84 standard errors
-- Column shown_by: methods that show a direction of this emotion here
-- Column verdict: a direction, no direction shown, or too few topics to tell; NULL for a method without a null
with texts as (
    select
        extraction_id,
        control,
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
        control,
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
        max(p_value) filter (where measure = 'centroid_accuracy') as centroid_accuracy_p_value,
        max(value) filter (where measure = 'd_prime') as d_prime,
        max(ci_low) filter (where measure = 'd_prime') as d_prime_ci_low,
        max(ci_high) filter (where measure = 'd_prime') as d_prime_ci_high,
        max(value) filter (where measure = 'squared_distance') as squared_distance,
        max(null_kind) filter (where measure = 'auroc') as null_kind
    from vector_quality
    where test_set is null and measure not in ('auroc_surface', 'auroc_words', 'auroc_best')
    group by all
    -- gains over a control are no directions of that control
    having bool_or(measure = 'auroc')
),

tested as (
    select
        wide.*,
        q_values.q_value as auroc_q_value,
        -- an interval of 95 % is 2 x 1.96 standard errors wide
        wide.auroc_null_high + 0.84 * (wide.auroc_ci_high - wide.auroc_ci_low) / (2 * 1.96) as smallest_effect
    from wide
    left join q_values_by_measure as q_values
        on
            wide.extraction_id = q_values.extraction_id
            and wide.control is not distinct from q_values.control
            and wide.method = q_values.method
            and wide.reference = q_values.reference
            and wide.pooling = q_values.pooling
            and wide.layer is not distinct from q_values.layer
            and wide.emotion = q_values.emotion_a
            and q_values.measure = 'auroc'
)

select
    tested.* exclude (null_kind),
    texts.auroc_surface,
    texts.auroc_surface_ci_high,
    texts.auroc_words,
    texts.auroc_words_ci_low,
    texts.auroc_words_ci_high,
    string_agg(case when tested.auroc_q_value < 0.05 then tested.method end, ', ') over (
        partition by
            tested.extraction_id, tested.control, tested.reference, tested.pooling, tested.emotion, tested.layer
        order by tested.method rows between unbounded preceding and unbounded following
    ) as shown_by,
    case
        when tested.null_kind is null then null
        when tested.auroc_p_value is null then 'too few topics to tell'
        when tested.auroc_q_value < 0.05 then 'a direction'
        else 'no direction shown'
    end as verdict
from tested
left join texts
    on
        tested.extraction_id = texts.extraction_id
        and tested.control is not distinct from texts.control
        and tested.method = texts.method
        and tested.reference = texts.reference
        and tested.pooling = texts.pooling
        and tested.emotion = texts.emotion
