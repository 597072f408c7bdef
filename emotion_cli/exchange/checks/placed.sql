-- The rows as the store has them: by pooling and layer, then in the order of the dataset (a new one is sorted by its prompts).
create table placed as
with positions as (
    select
        prompt,
        prompt_id,
        emotion,
        row_number() over (
            order by case when first_row is null then prompt end, emotion, coalesce(topic, ''), text
        ) - 1 as position
    from prompts
    where prompt in (select prompt from places)
)

select
    places.pooling,
    places.layer,
    positions.position,
    positions.prompt_id,
    positions.emotion,
    places.this_row
from places
inner join positions on places.prompt = positions.prompt
order by places.pooling, places.layer, positions.position
