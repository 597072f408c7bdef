-- The texts of a batch that the new dataset does not have yet, each with the label and topic of its first row.
select distinct on (text)
    text,
    emotion,
    topic,
    this_row as first_row
from batch
anti join prompts using (text)
where text is not null and emotion is not null
order by text, this_row
