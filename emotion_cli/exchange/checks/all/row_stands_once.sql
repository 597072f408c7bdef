-- the same pooling, layer and prompt as {first_row}
with repeated as (
    select
        pooling,
        layer,
        prompt,
        min(this_row) as first_row
    from places
    group by pooling, layer, prompt
    having count(*) > 1
)

select
    this_row,
    first_row
from places
inner join repeated using (pooling, layer, prompt)
where this_row > first_row
