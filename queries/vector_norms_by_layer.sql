-- Length of each emotion's vector at each layer of one model; directions that are read, not added, have no row.
-- Grain: extraction_id, dataset, model, control, method, reference, pooling, emotion, layer
-- Reads: vectors, extractions
-- Column control: kind of control that the vectors are of; NULL for a model
-- Column relative_depth: layer / n_layers; NULL where the depth of the model is not known, and where a control has layer 0 only
with vectors_with_depth as (
    select vectors.*, extractions.n_layers, extractions.control
    from vectors
    left join extractions using (extraction_id)
    where vectors.relative_norm is not null
)

select
    extraction_id,
    dataset,
    model,
    control,
    method,
    reference,
    pooling,
    emotion,
    layer,
    n_layers,
    layer / nullif(n_layers, 0) as relative_depth,
    l1_norm,
    l2_norm,
    relative_norm
from vectors_with_depth
