-- Does one model's direction of an emotion, carried by a linear map that never saw the emotion, meet the other model's?
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, emotion, mapping, fit, layer_a, layer_b
-- Reads: cross_model_tests_by_layer
-- Column relative_depth: position of the pair among the matched layers, 0 to 1; NULL for the mean over layers
-- Column aligned_cosine: cosine of the carried direction with the other model's own, from topics that no map and no other vector saw
-- Column null_kind: sign_flips; too_few where fewer than 6 coordinates carry 95 % of the cosine, so that there is no p-value
-- Column null_low: 2.5 % quantile of that cosine when the signs of the target direction's coordinates are random
-- Column null_high: 97.5 % quantile of the same
-- Column q_value: Benjamini-Hochberg over the aligned cosines of the dataset, fit and mapping; means over layers apart from layers
-- Column smallest_effect: the least cosine that this design would have shown in about 8 of 10 cases: null_high + 0.84 standard errors
-- Column nearest_other: the largest cosine of the carried direction with another emotion's direction; NULL for one emotion
-- Column ceiling: geometric mean over the two models of the cosine between two thirds of one model; NULL where not positive
-- Column specificity: that cosine less the mean with other emotions, less the mean of other emotions carried, plus the mean of those with each other; NULL below three emotions
-- Column specificity_low: lower end of its 95 % interval
-- Column specificity_high: upper end of its 95 % interval
-- Column specificity_null_high: 97.5 % quantile of specificity under the same random signs
-- Column specificity_q_value: Benjamini-Hochberg over the specificities of the dataset, fit and mapping
-- Column others_cosine: cosine of the carried direction with the other model's direction against the other emotions
-- Column others_low: lower end of its 95 % interval
-- Column others_high: upper end of its 95 % interval
-- Column others_null_high: 97.5 % quantile of it under the same random signs
-- Column others_q_value: Benjamini-Hochberg over these cosines of the dataset, fit and mapping
-- Column transfer_auroc: how well the carried direction separates the other model's prompts of unseen topics; of the fit `ridge`
-- Column transfer_null_high: 97.5 % quantile of that when the topics of the two models are paired at random
-- Column own_auroc: the same with the other model's own direction
-- Column over_words: aligned_cosine less that of random words in the place of the carried model; of the fit `ridge`
-- Column over_embeddings: aligned_cosine less that of the carried model's own embeddings of tokens; of the fit `ridge`
-- Column over_untrained: aligned_cosine less that of the carried model with random weights; of the fit `ridge`
-- Column gain_ci_low: the lower of the lower ends of the first two differences' 95 % intervals, topics left out in pairs
-- Column more_than_words: whether both intervals lie above 0, and that of aligned_cosine above embeddings_together; NULL without controls
-- Column embeddings_together: aligned cosine of both models' embeddings with each other
-- Column untrained_together: aligned cosine of both models with random weights, at the same layers, which decides nothing
-- Column verdict: what may be said, in words; "and more than words give" needs more_than_words
with wide as (
    select
        extraction_a,
        extraction_b,
        dataset,
        model_a,
        model_b,
        method,
        reference,
        pooling,
        emotion,
        mapping,
        fit,
        layer_a,
        layer_b,
        any_value(k) as k,
        any_value(value) filter (where measure = 'aligned_cosine') as aligned_cosine,
        any_value(ci_low) filter (where measure = 'aligned_cosine') as ci_low,
        any_value(ci_high) filter (where measure = 'aligned_cosine') as ci_high,
        any_value(null_kind) filter (where measure = 'aligned_cosine') as null_kind,
        any_value(null_mean) filter (where measure = 'aligned_cosine') as null_mean,
        any_value(null_low) filter (where measure = 'aligned_cosine') as null_low,
        any_value(null_high) filter (where measure = 'aligned_cosine') as null_high,
        any_value(p_value) filter (where measure = 'aligned_cosine') as p_value,
        any_value(q_value) filter (where measure = 'aligned_cosine') as q_value,
        any_value(mc_error) filter (where measure = 'aligned_cosine') as mc_error,
        max(value) filter (where measure = 'carried_cosine' and target_emotion <> emotion) as nearest_other,
        any_value(value) filter (where measure = 'aligned_specificity') as specificity,
        any_value(ci_low) filter (where measure = 'aligned_specificity') as specificity_low,
        any_value(ci_high) filter (where measure = 'aligned_specificity') as specificity_high,
        any_value(null_high) filter (where measure = 'aligned_specificity') as specificity_null_high,
        any_value(q_value) filter (where measure = 'aligned_specificity') as specificity_q_value,
        any_value(value) filter (where measure = 'aligned_cosine_others') as others_cosine,
        any_value(ci_low) filter (where measure = 'aligned_cosine_others') as others_low,
        any_value(ci_high) filter (where measure = 'aligned_cosine_others') as others_high,
        any_value(null_high) filter (where measure = 'aligned_cosine_others') as others_null_high,
        any_value(q_value) filter (where measure = 'aligned_cosine_others') as others_q_value,
        any_value(value) filter (where measure = 'transfer_auroc') as transfer_auroc,
        any_value(null_high) filter (where measure = 'transfer_auroc') as transfer_null_high,
        any_value(n) as n
    from cross_model_tests_by_layer
    where
        measure in ('aligned_cosine', 'aligned_specificity', 'aligned_cosine_others', 'carried_cosine', 'transfer_auroc')
        and control is null
    group by all
),

gains as (
    select
        extraction_a,
        extraction_b,
        method,
        reference,
        pooling,
        emotion,
        mapping,
        fit,
        layer_a,
        layer_b,
        any_value(value) filter (where control = 'words') as over_words,
        any_value(value) filter (where control = 'embeddings') as over_embeddings,
        any_value(value) filter (where control = 'untrained') as over_untrained,
        min(ci_low) filter (where control in ('words', 'embeddings')) as gain_ci_low,
        case
            when count(ci_low) filter (where control in ('words', 'embeddings')) = 2
                then min(ci_low) filter (where control in ('words', 'embeddings')) > 0
        end as more_than_words
    from cross_model_tests_by_layer
    where measure = 'aligned_gain'
    group by all
),

-- two controls of one kind; of several extractions any
together as (
    select
        dataset, model_a, model_b, method, reference, pooling, emotion, mapping, fit, layer_a, layer_b, control,
        any_value(value) as value
    from cross_model_tests_by_layer
    where measure = 'aligned_cosine' and control is not null
    group by all
),

ceilings as (
    select extraction_a as extraction_id, method, reference, pooling, emotion, layer_a as layer, measure, value
    from cross_model_tests_by_layer
    where extraction_a = extraction_b and measure in ('aligned_cosine_ceiling', 'transfer_auroc_ceiling')
),

-- 97.5 % quantiles of Student's t for 5 to 19 degrees of freedom: topics, or the 20 groups of them, less one
reaches as (
    select
        unnest(
            [2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093]
        ) as reach,
        unnest(range(6, 21)) as n_groups
)

select
    wide.*,
    case
        when wide.layer_a is not null then coalesce(wide.layer_a / nullif(max(wide.layer_a) over pair, 0), 0)
    end as relative_depth,
    wide.null_high + 0.84 * (wide.ci_high - wide.ci_low) / 2 / reaches.reach as smallest_effect,
    case
        when least(a.value, b.value) > 0 then sqrt(a.value * b.value)
    end as ceiling,
    own.value as own_auroc,
    gains.over_words,
    gains.over_embeddings,
    gains.over_untrained,
    gains.gain_ci_low,
    gains.more_than_words and wide.ci_low > embeddings.value as more_than_words,
    embeddings.value as embeddings_together,
    untrained.value as untrained_together,
    case
        when wide.aligned_cosine is null then 'not defined'
        when
            wide.specificity_low > 0
            and wide.specificity_q_value < 0.05
            and wide.others_low > 0
            and wide.others_q_value < 0.05
            then concat(
                'the same emotion in both models or a contrast that is stronger for this emotion in both',
                case when gains.more_than_words and wide.ci_low > embeddings.value then ', and more than words give' end
            )
        when wide.q_value < 0.05
            then concat(
                'a shared contrast with the reference, not shown to be this emotion',
                case when gains.more_than_words and wide.ci_low > embeddings.value then ', and more than words give' end
            )
        when wide.null_kind = 'too_few' then 'too few dimensions to tell'
        else 'nothing shown to be shared'
    end as verdict
from wide
left join reaches
    on reaches.n_groups = least(wide.n, 20)
left join ceilings as a
    on
        wide.extraction_a = a.extraction_id
        and wide.method = a.method
        and wide.reference = a.reference
        and wide.pooling = a.pooling
        and wide.emotion = a.emotion
        and wide.layer_a is not distinct from a.layer
        and a.measure = 'aligned_cosine_ceiling'
left join ceilings as b
    on
        wide.extraction_b = b.extraction_id
        and wide.method = b.method
        and wide.reference = b.reference
        and wide.pooling = b.pooling
        and wide.emotion = b.emotion
        and wide.layer_b is not distinct from b.layer
        and b.measure = 'aligned_cosine_ceiling'
left join ceilings as own
    on
        case when wide.mapping = 'a_to_b' then wide.extraction_b else wide.extraction_a end = own.extraction_id
        and wide.method = own.method
        and wide.reference = own.reference
        and wide.pooling = own.pooling
        and wide.emotion = own.emotion
        and case when wide.mapping = 'a_to_b' then wide.layer_b else wide.layer_a end is not distinct from own.layer
        and own.measure = 'transfer_auroc_ceiling'
left join gains
    on
        wide.extraction_a = gains.extraction_a
        and wide.extraction_b = gains.extraction_b
        and wide.method = gains.method
        and wide.reference = gains.reference
        and wide.pooling = gains.pooling
        and wide.emotion = gains.emotion
        and wide.mapping = gains.mapping
        and wide.fit = gains.fit
        and wide.layer_a is not distinct from gains.layer_a
        and wide.layer_b is not distinct from gains.layer_b
left join together as embeddings
    on
        embeddings.control = 'embeddings'
        and embeddings.layer_a is null
        and wide.dataset = embeddings.dataset
        and concat('embeddings:', wide.model_a) = embeddings.model_a
        and concat('embeddings:', wide.model_b) = embeddings.model_b
        and wide.method = embeddings.method
        and wide.reference = embeddings.reference
        and wide.emotion = embeddings.emotion
        and wide.mapping = embeddings.mapping
        and wide.fit = embeddings.fit
left join together as untrained
    on
        untrained.control = 'untrained'
        and wide.dataset = untrained.dataset
        and concat('untrained:', wide.model_a) = untrained.model_a
        and concat('untrained:', wide.model_b) = untrained.model_b
        and wide.method = untrained.method
        and wide.reference = untrained.reference
        and wide.pooling = untrained.pooling
        and wide.emotion = untrained.emotion
        and wide.mapping = untrained.mapping
        and wide.fit = untrained.fit
        and wide.layer_a is not distinct from untrained.layer_a
        and wide.layer_b is not distinct from untrained.layer_b
window pair as (partition by wide.extraction_a, wide.extraction_b, wide.method, wide.reference, wide.pooling)
