-- Activations that no row of extractions describes: nobody could say what they are of; a run that was killed between the two.
-- Grain: file, detail
-- Reads: activations, extractions
select
    max(activations.file) as file,
    'no extraction ' || activations.extraction_id || ' describes ' || count(*) || ' activations' as detail
from activations
anti join extractions using (extraction_id)
group by activations.extraction_id
