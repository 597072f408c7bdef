-- The rows of a batch, each with the prompt that it means: that of its text, or where it has none that of its prompt_id.
create or replace temp table rows as
select
    batch.this_row,
    batch.text,
    batch.prompt_id,
    batch.emotion,
    batch.topic,
    batch.pooling,
    batch.layer,
    coalesce(by_text.prompt, by_id.prompt) as prompt,
    len(batch.activation) as n_dimensions,
    list_count(batch.activation) as n_numbers,
    list_min(batch.activation)::double as lowest,
    list_max(batch.activation)::double as highest
from batch
left join prompts as by_text on batch.text = by_text.text
left join prompts as by_id on batch.text is null and batch.prompt_id = by_id.prompt_id;

insert into places
select
    this_row,
    prompt,
    pooling,
    layer
from rows
where
    prompt is not null
    and is_name(pooling)
    and layer between 0 and coalesce(getvariable('n_layers'), highest_layer());

-- all activations have as many dimensions as the first one
set variable width = coalesce(
    getvariable('width'),
    (
        select arg_min(n_dimensions, this_row)
        from rows
        where n_dimensions > 0
    )
);
