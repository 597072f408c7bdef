-- Vectors that were made of a test set.
-- Grain: file, detail
-- Reads: vectors, extractions, prompts
with test_versions as (
    select distinct dataset, prompts_sha256 from prompts
    where role = 'test'
)

select distinct
    vectors.file,
    vectors.dataset || ' is a test set' as detail
from vectors
inner join extractions using (extraction_id)
inner join test_versions on vectors.dataset = test_versions.dataset and extractions.prompts_sha256 = test_versions.prompts_sha256
