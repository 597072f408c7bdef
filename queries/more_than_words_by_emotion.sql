-- Each direction at the layer that separates best in training, beside what knows words only: in training, and on each test set.
-- Grain: extraction_id, dataset, model, method, reference, pooling, emotion, measure, test_set
-- Reads: best_layers_by_emotion, more_than_words_by_layer, q_values_by_measure
-- Column measure: auroc, on folds of the training set, or auroc_heldout, on a test set
-- Column auroc: of the model's direction
-- Column auroc_ci_low: lower end of its 95 % interval; NULL in training, where the layer was chosen
-- Column auroc_ci_high: upper end of its 95 % interval; NULL in training, where the layer was chosen
-- Column chance: 97.5 % quantile when labels are permuted within topics; in training of the best layer
-- Column p_value: of auroc, upper tail; in training against the best layer of each draw
-- Column q_value: of that p-value, as in q_values_by_measure
-- Column tfidf: TF-IDF of words and character trigrams, on the same prompts
-- Column random_words: the direction of random vectors of words, on the same prompts
-- Column embeddings: the direction of the model's own embeddings of tokens, on the same prompts
-- Column untrained: the direction of the same model with random weights, at the same layer
-- Column words_alone: the best of the first three
-- Column rival: the hardest of the first three: the one whose difference has the lowest lower end
-- Column gain: auroc minus that of this rival; in training too large by the choice of the layer
-- Column gain_ci_low: lower end of its 95 % interval
-- Column gain_ci_high: upper end of its 95 % interval
-- Column more_than_words: whether the intervals of all three differences lie above 0; NULL where a rival or its interval is not there
with chosen as (
    select distinct
        extraction_id,
        method,
        reference,
        pooling,
        emotion,
        layer,
        null::varchar as test_set,
        null::double as auroc_ci_low,
        null::double as auroc_ci_high,
        max_null_high as chance,
        max_p_value as p_value,
        'auroc_best' as tested
    from best_layers_by_emotion
    where control is null
    union all
    select
        extraction_id,
        method,
        reference,
        pooling,
        emotion,
        layer,
        test_set,
        heldout_ci_low as auroc_ci_low,
        heldout_ci_high as auroc_ci_high,
        heldout_null_high as chance,
        heldout_p_value as p_value,
        'auroc_heldout' as tested
    from best_layers_by_emotion
    where control is null and test_set is not null
)

select
    compared.extraction_id,
    compared.dataset,
    compared.model,
    compared.method,
    compared.reference,
    compared.pooling,
    compared.emotion,
    compared.measure,
    compared.test_set,
    compared.layer,
    compared.auroc,
    chosen.auroc_ci_low,
    chosen.auroc_ci_high,
    chosen.chance,
    chosen.p_value,
    q_values.q_value,
    compared.tfidf,
    compared.random_words,
    compared.embeddings,
    compared.untrained,
    greatest(compared.tfidf, compared.random_words, compared.embeddings) as words_alone,
    compared.rival,
    compared.gain,
    compared.gain_ci_low,
    compared.gain_ci_high,
    compared.more_than_words
from more_than_words_by_layer as compared
inner join chosen
    on
        compared.extraction_id = chosen.extraction_id
        and compared.method = chosen.method
        and compared.reference = chosen.reference
        and compared.pooling = chosen.pooling
        and compared.emotion = chosen.emotion
        and compared.layer = chosen.layer
        and compared.test_set is not distinct from chosen.test_set
left join q_values_by_measure as q_values
    on
        chosen.extraction_id = q_values.extraction_id
        and chosen.method = q_values.method
        and chosen.reference = q_values.reference
        and chosen.pooling = q_values.pooling
        and chosen.emotion = q_values.emotion_a
        and chosen.layer = q_values.layer
        and chosen.tested = q_values.measure
        and chosen.test_set is not distinct from q_values.test_set
        and q_values.control is null
