-- Whether a model's direction separates an emotion better than what knows words only: TF-IDF, random words, the model's embeddings.
-- Grain: extraction_id, dataset, model, method, reference, pooling, emotion, layer, measure, test_set
-- Reads: vector_quality, extractions
-- Column measure: auroc, on folds of the training set, or auroc_heldout, on a test set
-- Column auroc: of the model's direction
-- Column tfidf: TF-IDF of words and character trigrams, on the same prompts; has no layer, stands in every row
-- Column random_words: the direction of random vectors of words, on the same prompts; has no layer
-- Column embeddings: the direction of the model's own embeddings of tokens, on the same prompts; has no layer
-- Column untrained: the direction of the same model with random weights, at the same layer
-- Column rival: the hardest of the first three: the one whose difference has the lowest lower end
-- Column gain: auroc minus that of this rival
-- Column gain_ci_low: lower end of its 95 % interval
-- Column gain_ci_high: upper end of its 95 % interval
-- Column more_than_words: whether the intervals of all three differences lie above 0; NULL where a rival or its interval is not there
with gains as (
    select
        extraction_id, dataset, model, method, reference, pooling, emotion, layer, test_set, value, ci_low, ci_high,
        case measure when 'auroc_gain' then 'auroc' else 'auroc_heldout' end as measure,
        coalesce(control, 'tfidf') as rival
    from vector_quality
    where measure in ('auroc_gain', 'auroc_gain_heldout')
),

judged as (
    select
        extraction_id,
        dataset,
        model,
        method,
        reference,
        pooling,
        emotion,
        layer,
        measure,
        test_set,
        any_value(value) filter (where rival = 'tfidf') as gain_over_tfidf,
        any_value(value) filter (where rival = 'words') as gain_over_words,
        any_value(value) filter (where rival = 'embeddings') as gain_over_embeddings,
        arg_min(rival, ci_low) as rival,
        arg_min(value, ci_low) as gain,
        min(ci_low) as gain_ci_low,
        arg_min(ci_high, ci_low) as gain_ci_high,
        case when count(ci_low) = 3 then min(ci_low) > 0 end as more_than_words
    from gains
    group by all
),

-- of several extractions the newest
untrained as (
    select
        quality.dataset,
        quality.model,
        quality.method,
        quality.reference,
        quality.pooling,
        quality.emotion,
        quality.layer,
        quality.measure,
        quality.test_set,
        arg_max(quality.value, extractions.created_at) as value
    from vector_quality as quality
    inner join extractions using (extraction_id)
    where quality.control = 'untrained'
    group by all
)

select
    directions.extraction_id,
    directions.dataset,
    directions.model,
    directions.method,
    directions.reference,
    directions.pooling,
    directions.emotion,
    directions.layer,
    directions.measure,
    directions.test_set,
    directions.value as auroc,
    directions.value - judged.gain_over_tfidf as tfidf,
    directions.value - judged.gain_over_words as random_words,
    directions.value - judged.gain_over_embeddings as embeddings,
    untrained.value as untrained,
    judged.rival,
    judged.gain,
    judged.gain_ci_low,
    judged.gain_ci_high,
    judged.more_than_words
from vector_quality as directions
left join judged
    on
        directions.extraction_id = judged.extraction_id
        and directions.method = judged.method
        and directions.reference = judged.reference
        and directions.pooling = judged.pooling
        and directions.emotion = judged.emotion
        and directions.layer is not distinct from judged.layer
        and directions.measure = judged.measure
        and directions.test_set is not distinct from judged.test_set
left join untrained
    on
        directions.dataset = untrained.dataset
        and concat('untrained:', directions.model) = untrained.model
        and directions.method = untrained.method
        and directions.reference = untrained.reference
        and directions.pooling = untrained.pooling
        and directions.emotion = untrained.emotion
        and directions.layer is not distinct from untrained.layer
        and directions.measure = untrained.measure
        and directions.test_set is not distinct from untrained.test_set
where directions.measure in ('auroc', 'auroc_heldout') and directions.control is null
