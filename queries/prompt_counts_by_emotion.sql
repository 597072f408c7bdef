-- How many prompts each label of each version of a prompt set has, and how long they are.
-- Grain: dataset, prompts_sha256, emotion
-- Reads: prompts
-- Column n_prompts: distinct prompts
-- Column n_topics: distinct topics
-- Column mean_words: mean number of words of a prompt
-- Column min_words: words of the shortest prompt
-- Column max_words: words of the longest prompt
select
    dataset,
    prompts_sha256,
    any_value(role) as role,
    emotion,
    count(*) as n_prompts,
    count(distinct topic) as n_topics,
    avg(n_words) as mean_words,
    min(n_words) as min_words,
    max(n_words) as max_words
from prompts
group by dataset, prompts_sha256, emotion
