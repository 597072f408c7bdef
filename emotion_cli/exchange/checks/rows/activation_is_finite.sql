-- activation holds NaN, infinity or NULL
select this_row
from rows
where n_numbers < n_dimensions or not isfinite(lowest) or not isfinite(highest)
