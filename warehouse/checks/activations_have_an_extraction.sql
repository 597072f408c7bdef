-- Activations that no row of extractions describes: nobody could say what they are of.
-- Grain: file, detail
-- Reads: activations, extractions
select distinct
    activations.file,
    'no extraction ' || activations.extraction_id as detail
from activations
anti join extractions using (extraction_id)
