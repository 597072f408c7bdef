-- How many texts of a test set a score flags: texts above what 97.5 % of the training texts that calibrate the score have.
-- Grain: score_id, extraction_id, dataset, model, layer, emotion, reference, place
-- Reads: score_statistics
-- Column own: share of the emotion's own texts
-- Column own_low: lower end of its 95 % interval
-- Column own_high: upper end of its 95 % interval
-- Column neutral: share of neutral texts
-- Column neutral_low: lower end of its 95 % interval
-- Column neutral_high: upper end of its 95 % interval
-- Column others: share of the other emotions' texts
-- Column others_low: lower end of its 95 % interval
-- Column others_high: upper end of its 95 % interval
-- Column expected: share of texts like those that calibrate the score: neutral ones, or for reference others the other emotions'
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
    max(value) filter (where measure = 'flagged_own') as own,
    max(ci_low) filter (where measure = 'flagged_own') as own_low,
    max(ci_high) filter (where measure = 'flagged_own') as own_high,
    max(value) filter (where measure = 'flagged_neutral') as neutral,
    max(ci_low) filter (where measure = 'flagged_neutral') as neutral_low,
    max(ci_high) filter (where measure = 'flagged_neutral') as neutral_high,
    max(value) filter (where measure = 'flagged_others') as others,
    max(ci_low) filter (where measure = 'flagged_others') as others_low,
    max(ci_high) filter (where measure = 'flagged_others') as others_high,
    max(null_mean) filter (where measure like 'flagged_%') as expected
from score_statistics
where measure like 'flagged_%'
group by all
