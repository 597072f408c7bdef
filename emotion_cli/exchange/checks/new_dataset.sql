-- The prompts of a new dataset, sorted so that the order of the rows does not matter.
select
    text,
    emotion,
    topic,
    first_row
from prompts
order by emotion, coalesce(topic, ''), text
