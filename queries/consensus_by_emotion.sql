-- How much of each model's direction the consensus of the other models explains, as means over the matched layers.
-- Grain: consensus_id, extraction_id, method, reference, pooling, emotion
-- Reads: consensus_by_layer
-- Column share: mean over the matched layers that every model's averages cover
-- Column null_low: 2.5 % quantile of the same mean when the labels mean nothing
-- Column null_high: 97.5 % quantile of the same
-- Column q_value: Benjamini-Hochberg over all shares of the dataset
-- Column verdict: what may be said, in words
select * exclude (layer, consensus_rank, x, y)
from consensus_by_layer
where layer is null
