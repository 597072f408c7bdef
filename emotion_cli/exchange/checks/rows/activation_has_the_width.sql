-- activation has {n_dimensions} dimensions, the first row's has {width}
select
    this_row,
    n_dimensions,
    getvariable('width') as width
from rows
where n_dimensions > 0 and n_dimensions <> getvariable('width')
