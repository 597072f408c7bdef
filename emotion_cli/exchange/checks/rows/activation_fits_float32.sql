-- activation is beyond the range of float32
select this_row
from rows
where isfinite(lowest) and isfinite(highest) and greatest(-lowest, highest) >= 3.4028235677973366e38 -- rounds to infinity
