-- Whether a direction points to its label's own words: what it adds to their scores, minus what it adds to the other labels' words.
-- Grain: extraction_id, dataset, model, reference, pooling, layer, emotion
-- Reads: lens_statistics, lens_tokens
-- Column own_words: the difference of mean scores, of a direction of length 1; a row with layer NULL is the mean over layers
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
    words.n,
    nearest.nearest_tokens
from lens_statistics as words
left join nearest
    on
        words.extraction_id = nearest.extraction_id
        and words.reference = nearest.reference
        and words.pooling = nearest.pooling
        and words.emotion = nearest.emotion
        and words.layer = nearest.layer
where words.measure = 'own_words'
