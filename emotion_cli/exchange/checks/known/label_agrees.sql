-- the prompt's label is {emotion!r} here and {label!r} in {dataset}
select
    rows.this_row,
    rows.emotion,
    prompts.emotion as label
from rows
inner join prompts on rows.prompt = prompts.prompt
where rows.emotion <> prompts.emotion
