-- the text has topic {topic!r} here and {expected!r} at {first_row}
select
    rows.this_row,
    rows.topic,
    prompts.topic as expected,
    prompts.first_row
from rows
inner join prompts on rows.prompt = prompts.prompt
where rows.topic is distinct from prompts.topic
