-- pooling {pooling}, layer {layer}: the {emotion} prompt {prompt_id} is missing, which {other_row} has at layer {other_layer}
-- Only where every row has its place: else the prompt may be that of a faulty row.
with layers as (
    select distinct
        pooling,
        layer
    from places
),

anywhere as (
    select
        pooling,
        prompt,
        min(layer) as other_layer,
        arg_min(this_row, layer) as other_row
    from places
    group by pooling, prompt
)

select
    layers.pooling,
    layers.layer,
    prompts.emotion,
    prompts.prompt_id,
    anywhere.other_row,
    anywhere.other_layer
from layers
inner join anywhere on layers.pooling = anywhere.pooling
inner join prompts on anywhere.prompt = prompts.prompt
anti join places on layers.pooling = places.pooling and layers.layer = places.layer and anywhere.prompt = places.prompt
where getvariable('n_rows') = (select count(*) from places)
order by layers.pooling, layers.layer, prompts.prompt
