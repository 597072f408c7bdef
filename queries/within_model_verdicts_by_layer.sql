-- What may be said of two emotions' likeness in one model, in the same words everywhere; a row with layer NULL is on the mean over layers.
-- Grain: extraction_id, dataset, model, control, method, reference, pooling, layer, emotion_a, emotion_b
-- Reads: within_model_statistics, direction_quality_by_layer
-- Column unbiased_cosine: similarity of direction without the share of noise; NULL where a squared length without noise is not positive
-- Column ci_low: lower end of the unbiased cosine's 95 % interval; NULL where there is none that covers
-- Column ci_high: upper end of the unbiased cosine's 95 % interval
-- Column equidistance: the unbiased cosine of emotions at one distance from each other and from the reference: 0.5; others -1 / (K - 1)
-- Column by_class: whether some topics lack a label; then means are taken label by label, not over differences within topics
-- Column others_cosine: plain cosine of the same two emotions against the other emotions; equidistant is -1 / (K - 1)
-- Column others_p_value: of others_cosine, when labels are permuted within topics
-- Column squared_distance: of the two directions from each other, without noise, in squared units of the activations
-- Column squared_distance_a: of the first emotion from the reference
-- Column squared_distance_b: of the second emotion from the reference
-- Column distance_ratio: distance of the two directions over the mean of their lengths, without noise
-- Column distance_ratio_low: lower end of its 95 % interval
-- Column distance_ratio_high: upper end of its 95 % interval
-- Column distance_ratio_equidistant: the ratio of emotions at one distance from each other and from the reference: 1; others sqrt(2 K / (K - 1))
-- Column d_prime_a: difference of the first emotion's scores from the reference's, in standard deviations
-- Column d_prime_b: the same of the second emotion
-- Column weakest_q_value: the larger q-value of the two emotions' AUROC
-- Column smallest_auroc: the larger of the two emotions' smallest AUROC that a study like this shows with probability 0.8
-- Column smallest_effect: smallest difference of the unbiased cosine from equidistance that a study like this shows with probability 0.8
-- Column shown_by: methods that show a direction of both emotions here
-- Column over_words: unbiased_cosine less that of random words, on the same topics
-- Column over_embeddings: unbiased_cosine less that of the model's own embeddings of tokens
-- Column gain_ci_low: the lower of the lower ends of these two differences' 95 % intervals
-- Column more_than_words: whether both intervals lie above 0; NULL where a control is not there, or no direction is shown
-- Column verdict: what may be said, "more similar" with "and more than words give" where more_than_words is true; NULL where two emotions are each other's reference, or before quality is measured
with wide as (
    select
        extraction_id,
        dataset,
        model,
        control,
        method,
        reference,
        pooling,
        layer,
        emotion_a,
        emotion_b,
        max(value) filter (where measure in ('cosine_unbiased', 'cosine_unbiased_by_class')) as unbiased_cosine,
        max(ci_low) filter (where measure in ('cosine_unbiased', 'cosine_unbiased_by_class')) as ci_low,
        max(ci_high) filter (where measure in ('cosine_unbiased', 'cosine_unbiased_by_class')) as ci_high,
        max(null_mean) filter (where measure in ('cosine_unbiased', 'cosine_unbiased_by_class')) as equidistance,
        bool_or(measure = 'cosine_unbiased_by_class') as by_class,
        max(value) filter (where measure = 'cosine_others') as others_cosine,
        max(p_value) filter (where measure = 'cosine_others') as others_p_value,
        max(value) filter (where measure = 'squared_distance') as squared_distance,
        max(value) filter (where measure = 'distance_ratio') as distance_ratio,
        max(ci_low) filter (where measure = 'distance_ratio') as distance_ratio_low,
        max(ci_high) filter (where measure = 'distance_ratio') as distance_ratio_high,
        max(null_mean) filter (where measure = 'distance_ratio') as distance_ratio_equidistant
    from within_model_statistics
    group by all
    having equidistance is not null
),

gains as (
    select
        extraction_id, method, reference, pooling, layer, emotion_a, emotion_b,
        any_value(value) filter (where control = 'words') as over_words,
        any_value(value) filter (where control = 'embeddings') as over_embeddings,
        min(ci_low) as gain_ci_low,
        case when count(ci_low) = 2 then min(ci_low) > 0 end as more_than_words
    from within_model_statistics
    where measure = 'cosine_gain'
    group by all
),

measured as (
    select
        wide.*,
        a.squared_distance as squared_distance_a,
        b.squared_distance as squared_distance_b,
        a.d_prime as d_prime_a,
        b.d_prime as d_prime_b,
        case
            when a.auroc_q_value is not null and b.auroc_q_value is not null
                then greatest(a.auroc_q_value, b.auroc_q_value)
        end as weakest_q_value,
        greatest(a.smallest_effect, b.smallest_effect) as smallest_auroc,
        -- what a value must be away from equidistance to be outside its interval, and 0.84 standard errors more
        (1.96 + 0.84) * (wide.ci_high - wide.ci_low) / (2 * 1.96) as smallest_effect,
        nullif(array_to_string(list_sort(list_intersect(
            string_split(a.shown_by, ', '), string_split(b.shown_by, ', ')
        )), ', '), '') as shown_by,
        [a.verdict, b.verdict] as of_directions,
        case
            when wide.reference = 'others' then 'equidistant emotions'
            else 'their shared reference makes them'
        end as standard
    from wide
    left join direction_quality_by_layer as a
        on
            wide.extraction_id = a.extraction_id
            and wide.control is not distinct from a.control
            and wide.method = a.method
            and wide.reference = a.reference
            and wide.pooling = a.pooling
            and wide.layer is not distinct from a.layer
            and wide.emotion_a = a.emotion
    left join direction_quality_by_layer as b
        on
            wide.extraction_id = b.extraction_id
            and wide.control is not distinct from b.control
            and wide.method = b.method
            and wide.reference = b.reference
            and wide.pooling = b.pooling
            and wide.layer is not distinct from b.layer
            and wide.emotion_b = b.emotion
)

select
    measured.* exclude (of_directions, standard),
    gains.over_words,
    gains.over_embeddings,
    gains.gain_ci_low,
    case when weakest_q_value < 0.05 then gains.more_than_words end as more_than_words,
    case
        -- two emotions against each other: -1 by construction
        when equidistance = -1 then null
        when of_directions[1] is null or of_directions[2] is null then null
        when list_contains(of_directions, 'too few topics to tell') then 'too few topics to tell'
        when list_contains(of_directions, 'no direction shown') then 'no direction shown'
        when ci_low >= equidistance - 0.15 and ci_high <= equidistance + 0.15 then 'as similar as ' || standard
        when ci_low > equidistance
            then concat(
                'more similar than ', standard, case when gains.more_than_words then ', and more than words give' end
            )
        when ci_high < equidistance then 'less similar than ' || standard
        else 'undecided'
    end as verdict
from measured
left join gains
    on
        measured.extraction_id = gains.extraction_id
        and measured.control is null
        and measured.method = gains.method
        and measured.reference = gains.reference
        and measured.pooling = gains.pooling
        and measured.layer is not distinct from gains.layer
        and measured.emotion_a = gains.emotion_a
        and measured.emotion_b = gains.emotion_b
