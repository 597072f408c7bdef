-- Texts that stand under two labels in one version of a dataset.
-- Grain: file, detail
-- Reads: prompts
select
    max(file) as file,
    'prompt ' || min(prompt_id) || ' and ' || max(prompt_id) || ' are one text under two labels' as detail
from prompts
group by dataset, prompts_sha256, text
having count(distinct emotion) > 1
