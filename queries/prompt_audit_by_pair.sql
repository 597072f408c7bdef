-- How well surface features or words alone separate two labels; a set passes when all pairs do.
-- Grain: dataset, prompts_sha256, emotion_a, emotion_b
-- Reads: prompt_audits
-- Column surface_auroc: naive Bayes on final character, number of words and first word, tested on held-out topics
-- Column ci_low: lower end of its 95 % interval
-- Column ci_high: upper end of its 95 % interval
-- Column final_char_auroc: the final character alone
-- Column n_words_auroc: the number of words alone
-- Column first_word_auroc: the first word alone
-- Column words_auroc: TF-IDF of words and character trigrams, tested on held-out topics
-- Column words_ci_low: lower end of its 95 % interval
-- Column words_ci_high: upper end of its 95 % interval
-- Column verdict: what tells them apart: the surface where ci_high is 0.70 or more, words where words_ci_low is above it
-- Column passes: whether nothing does; false where there are too few topics for an interval
with measured as (
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
        max(value) filter (where measure = 'words_auroc') as words_auroc,
        max(ci_low) filter (where measure = 'words_auroc') as words_ci_low,
        max(ci_high) filter (where measure = 'words_auroc') as words_ci_high
    from prompt_audits
    where emotion_b is not null
    group by dataset, prompts_sha256, emotion_a, emotion_b
),

judged as (
    select
        *,
        case
            when ci_high >= 0.70 then 'surface features tell them apart, or may'
            when words_ci_low > 0.70 then 'words tell them apart'
            when ci_high is null or words_ci_low is null then 'too few topics to tell'
            else 'passes'
        end as verdict
    from measured
)

select
    *,
    verdict = 'passes' as passes
from judged
