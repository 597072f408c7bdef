-- activation is empty
select this_row
from rows
where n_dimensions = 0
