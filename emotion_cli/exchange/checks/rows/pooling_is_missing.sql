-- pooling is missing
select this_row
from rows
where pooling is null
