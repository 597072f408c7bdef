-- emotion is missing
select this_row
from rows
where emotion is null
