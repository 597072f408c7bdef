-- What models write while directions are added, beside what they write unchanged (alpha 0) and with permuted labels' directions.
-- Grain: run_id, extraction_id, dataset, model, method, reference, pooling, layer, emotion, direction, draw, alpha, sample
-- Reads: steered_texts, steering_runs
select
    texts.run_id,
    runs.extraction_id,
    runs.dataset,
    runs.model,
    runs.prefix,
    runs.positions,
    runs.unit,
    texts.method,
    texts.reference,
    texts.pooling,
    texts.layer,
    texts.emotion,
    texts.direction,
    texts.draw,
    texts.alpha,
    texts.temperature,
    texts.sample,
    texts.text,
    texts.n_tokens,
    texts.nll_base,
    texts.distinct_pairs
from steered_texts as texts
inner join steering_runs as runs on texts.run_id = runs.run_id
