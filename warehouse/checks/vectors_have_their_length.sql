-- Vectors whose stored Euclidean length is not that of their components.
-- Grain: file, detail
-- Reads: vectors
select
    file,
    'layer ' || layer || ', ' || emotion || ': l2_norm is ' || l2_norm || ', the components give ' || l2_norm(vector) as detail
from vectors
where abs(l2_norm - l2_norm(vector)) > 1e-4 * greatest(l2_norm, 1e-30)
