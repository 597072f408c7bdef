-- Vectors of another length than their row says.
-- Grain: file, detail
-- Reads: vectors
select
    file,
    'layer ' || layer || ', ' || emotion || ': ' || len(vector) || ' components, d_model is ' || d_model as detail
from vectors
where len(vector) <> d_model
