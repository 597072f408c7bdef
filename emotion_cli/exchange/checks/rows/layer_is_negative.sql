-- layer {layer} is negative
select
    this_row,
    layer
from rows
where layer < 0
