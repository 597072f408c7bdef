-- prompt_id {prompt_id!r} is not that of the text, which is {expected!r}
select
    rows.this_row,
    rows.prompt_id,
    prompts.prompt_id as expected
from rows
inner join prompts on rows.prompt = prompts.prompt
where rows.prompt_id <> prompts.prompt_id
