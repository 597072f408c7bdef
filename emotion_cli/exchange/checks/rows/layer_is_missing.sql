-- layer is missing
select this_row
from rows
where layer is null
