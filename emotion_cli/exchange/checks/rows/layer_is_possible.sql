-- layer {layer} is beyond {highest:,}, which no model has
select
    this_row,
    layer,
    highest_layer() as highest
from rows
where getvariable('n_layers') is null and layer > highest_layer()
