-- layer {layer} is beyond --n-layers {n_layers}
select
    this_row,
    layer
from rows
where layer > getvariable('n_layers')
