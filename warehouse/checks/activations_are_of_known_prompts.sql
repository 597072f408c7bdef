-- Activations of prompts that are not in the version of the dataset that was extracted.
-- Grain: file, detail
-- Reads: activations, extractions, prompts
with found as (
    select distinct activations.file, activations.prompt_id, extractions.dataset, extractions.prompts_sha256
    from activations
    inner join extractions using (extraction_id)
)

select
    found.file,
    'prompt ' || found.prompt_id || ' is not in version ' || found.prompts_sha256 || ' of ' || found.dataset as detail
from found
anti join prompts using (dataset, prompts_sha256, prompt_id)
