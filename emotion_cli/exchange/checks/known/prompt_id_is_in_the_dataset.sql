-- prompt_id {prompt_id!r} is not in dataset {dataset}
select
    this_row,
    prompt_id
from rows
where text is null and prompt_id is not null and prompt is null
