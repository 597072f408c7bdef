-- text {text!r} is not in dataset {dataset}
select
    this_row,
    shortened(text) as text
from rows
where text is not null and prompt is null
