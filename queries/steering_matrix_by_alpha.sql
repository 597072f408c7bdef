-- What adding each emotion's direction does to the texts of each label.
-- Grain: run_id, extraction_id, dataset, model, test_dataset, control, method, reference, pooling, emotion, target_emotion, layer, alpha
-- Reads: steering_statistics, steering_runs
-- Column target_emotion: the label of the texts
-- Column effect: change of their log-probability, nats a token
-- Column ci_low: lower end of its 95 % interval, test topics resampled and the direction fixed
-- Column ci_high: upper end of that interval
select
    statistics.run_id,
    runs.extraction_id,
    runs.dataset,
    runs.model,
    runs.test_dataset,
    runs.positions,
    runs.prefix,
    runs.unit,
    statistics.control,
    statistics.method,
    statistics.reference,
    statistics.pooling,
    statistics.emotion,
    statistics.target_emotion,
    statistics.layer,
    statistics.alpha,
    statistics.value as effect,
    statistics.ci_low,
    statistics.ci_high,
    statistics.n
from steering_statistics as statistics
inner join steering_runs as runs on statistics.run_id = runs.run_id
where statistics.operation = 'add' and statistics.measure = 'effect_on_label'
