select
    prompt_id,
    emotion,
    this_row
from placed
where pooling = $1 and layer = $2 and position >= $3 and position < $4
order by position
