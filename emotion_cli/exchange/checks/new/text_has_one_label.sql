-- the text has label {emotion!r} here and {label!r} at {first_row}
select
    rows.this_row,
    rows.emotion,
    prompts.emotion as label,
    prompts.first_row
from rows
inner join prompts on rows.prompt = prompts.prompt
where rows.emotion <> prompts.emotion
