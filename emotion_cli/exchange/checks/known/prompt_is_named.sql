-- text or prompt_id is missing
select this_row
from rows
where text is null and prompt_id is null
