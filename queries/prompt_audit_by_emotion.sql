-- Surface features of the texts of each label.
-- Grain: dataset, prompts_sha256, emotion
-- Reads: prompt_audits
-- Column n_prompts: distinct prompts
-- Column n_repeated: rows of the file that repeat an earlier row
-- Column mean_words: mean number of words of a prompt
-- Column min_words: words of the shortest prompt
-- Column max_words: words of the longest prompt
-- Column final_char_share: share of prompts that end in the label's most frequent final character
-- Column first_word_share: share of prompts that begin with the label's most frequent first word
-- Column own_word_share: share of prompts that hold one of the label's own words
-- Column complete_topics_share: share of the set's topics that every label has
-- Column near_duplicate_topics: pairs of topics, not of one cluster, whose texts of the label are nearly the same
select
    dataset,
    prompts_sha256,
    emotion_a as emotion,
    max(value) filter (where measure = 'n_prompts')::bigint as n_prompts,
    max(value) filter (where measure = 'n_repeated')::bigint as n_repeated,
    max(value) filter (where measure = 'mean_words') as mean_words,
    max(value) filter (where measure = 'min_words')::bigint as min_words,
    max(value) filter (where measure = 'max_words')::bigint as max_words,
    max(value) filter (where measure = 'final_char_share') as final_char_share,
    max(value) filter (where measure = 'first_word_share') as first_word_share,
    max(value) filter (where measure = 'own_word_share') as own_word_share,
    max(value) filter (where measure = 'complete_topics_share') as complete_topics_share,
    max(value) filter (where measure = 'near_duplicate_topics')::bigint as near_duplicate_topics
from prompt_audits
where emotion_b is null
group by dataset, prompts_sha256, emotion_a
