-- the prompt's topic is {topic!r} here and {expected!r} in {dataset}
select
    rows.this_row,
    rows.topic,
    prompts.topic as expected
from rows
inner join prompts on rows.prompt = prompts.prompt
where rows.topic is not null and rows.topic is distinct from prompts.topic
