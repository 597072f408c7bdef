-- pooling {pooling!r} is not a valid name: use 1 to 64 letters, digits, '_', '.', '-'
select
    this_row,
    pooling
from rows
where not is_name(pooling)
