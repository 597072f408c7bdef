-- Activations of layers that their model does not have.
-- Grain: file, detail
-- Reads: activations, extractions
select distinct
    activations.file,
    'layer ' || activations.layer || ' of a model with ' || extractions.n_layers || ' blocks' as detail
from activations
inner join extractions using (extraction_id)
where activations.layer < 0 or activations.layer > extractions.n_layers
