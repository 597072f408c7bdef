-- Extractions that have fewer prompts at one layer than at another of the same pooling: something was lost.
-- Grain: file, detail
-- Reads: activations
with by_layer as (
    select extraction_id, pooling, layer, max(file) as file, count(*) as n_prompts
    from activations
    group by extraction_id, pooling, layer
),

most as (
    select extraction_id, pooling, max(n_prompts) as n_most
    from by_layer
    group by extraction_id, pooling
)

select
    by_layer.file,
    format(
        'pooling {}, layer {}: {} prompts, not {}', by_layer.pooling, by_layer.layer, by_layer.n_prompts, most.n_most
    ) as detail
from by_layer
inner join most using (extraction_id, pooling)
where by_layer.n_prompts < most.n_most
