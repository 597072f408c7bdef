-- activation is missing
select this_row
from rows
where n_dimensions is null
