-- text is missing: a new dataset needs the text of every row
select this_row
from rows
where text is null
