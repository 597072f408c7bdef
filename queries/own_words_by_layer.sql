-- Whether a direction points to its label's own words: what it adds to their scores, minus what it adds to the other labels' words.
-- Grain: extraction_id, dataset, model, reference, pooling, layer, emotion
-- Reads: lens_statistics, lens_tokens, q_values_by_measure
-- Column own_words: the difference of mean scores, of a direction of length 1; a row with layer NULL is the mean over layers
-- Column q_value: Benjamini and Hochberg's q over emotions, references, models and layers, as in q_values_by_measure
-- Column verdict: whether q is below 0.05; too few topics to tell where no permutation could give p <= 0.05
-- Column nearest_tokens: the eight tokens to whose scores the direction adds most, the nearest first; not a test
with nearest as (
    select
        extraction_id,
        reference,
        pooling,
        layer,
        emotion,
        string_agg('"' || token || '"', ' ' order by rank) as nearest_tokens
    from lens_tokens
    where rank <= 8
    group by all
)

select
    words.extraction_id,
    words.dataset,
    words.model,
    words.reference,
    words.pooling,
    words.layer,
    words.emotion,
    words.value as own_words,
    words.null_mean,
    words.null_low,
    words.null_high,
    words.p_value,
    q_values.q_value,
    words.n,
    case
        when words.value is null then null
        when words.p_value is null then 'too few topics to tell'
        when q_values.q_value < 0.05 then 'points to its own words'
        else 'not shown'
    end as verdict,
    nearest.nearest_tokens
from lens_statistics as words
left join nearest
    on
        words.extraction_id = nearest.extraction_id
        and words.reference = nearest.reference
        and words.pooling = nearest.pooling
        and words.emotion = nearest.emotion
        and words.layer = nearest.layer
left join q_values_by_measure as q_values
    on
        words.extraction_id = q_values.extraction_id
        and words.reference = q_values.reference
        and words.pooling = q_values.pooling
        and words.emotion = q_values.emotion_a
        and words.layer is not distinct from q_values.layer
        and words.measure = q_values.measure
where words.measure = 'own_words'
