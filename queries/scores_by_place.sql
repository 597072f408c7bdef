-- How well token scores tell an emotion's texts apart at each place of a test set's texts.
-- Grain: score_id, extraction_id, dataset, model, layer, emotion, reference, place
-- Reads: score_statistics
-- Column auroc: of the emotion's texts against those of the reference, or of the other emotions; at t1 0.5 where first words are balanced
select
    score_id,
    extraction_id,
    dataset,
    model,
    pooling,
    test_set,
    layer,
    emotion,
    reference,
    place,
    value as auroc,
    ci_low,
    ci_high,
    null_low,
    null_high,
    p_value,
    n
from score_statistics
where measure = 'auroc'
