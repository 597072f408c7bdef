-- How well surface features alone separate two labels; the set passes when every upper end is below 0.70.
-- Grain: dataset, prompts_sha256, emotion_a, emotion_b
-- Reads: prompt_audits
-- Column surface_auroc: naive Bayes on final character, number of words and first word, tested on held-out topics
-- Column ci_low: lower end of its 95 % interval
-- Column ci_high: upper end of its 95 % interval
-- Column final_char_auroc: the final character alone
-- Column n_words_auroc: the number of words alone
-- Column first_word_auroc: the first word alone
-- Column passes: whether the upper end is below 0.70; false where it is not defined
select
    dataset,
    prompts_sha256,
    emotion_a,
    emotion_b,
    max(value) filter (where measure = 'surface_auroc') as surface_auroc,
    max(ci_low) filter (where measure = 'surface_auroc') as ci_low,
    max(ci_high) filter (where measure = 'surface_auroc') as ci_high,
    max(value) filter (where measure = 'final_char_auroc') as final_char_auroc,
    max(value) filter (where measure = 'n_words_auroc') as n_words_auroc,
    max(value) filter (where measure = 'first_word_auroc') as first_word_auroc,
    coalesce(max(ci_high) filter (where measure = 'surface_auroc') < 0.70, false) as passes
from prompt_audits
where emotion_b is not null
group by dataset, prompts_sha256, emotion_a, emotion_b
