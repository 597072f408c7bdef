-- Pairs that stand the wrong way round, so that one pair could have two rows.
-- Grain: file, detail
-- Reads: within_model_statistics, cross_model_statistics
select file, emotion_a || ' stands before ' || emotion_b as detail
from within_model_statistics
where emotion_a > emotion_b
union all
select file, model_a || ' stands before ' || model_b as detail
from cross_model_statistics
where model_a > model_b
