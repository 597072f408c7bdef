-- What carried states do at each place of a model: the effect, its share of the whole, and what it is compared with.
-- Places of a site are compared with the largest of all of them, so that p covers the search; q covers emotions and models.
-- Grain: run_id, extraction_id, dataset, model, test_set, reference, pooling, suffix, emotion, site, layer, positions, head
-- Reads: patching_statistics, extractions
-- Column is_whole: whether it is the state behind the last block, from which alone the next word is read; its share is 1 by construction
-- Column ci_low: lower end of the effect's 95 % interval, test topics resampled
-- Column ci_high: upper end of that interval
-- Column share: effect over the whole difference of clean and corrupted; NULL where the interval of that holds 0
-- Column share_low: lower end of its 95 % interval
-- Column share_high: upper end of its 95 % interval
-- Column beyond_neutral: effect minus that of a neutral text of another topic as the donor
-- Column beyond_neutral_low: lower end of its 95 % interval
-- Column directions_high: 97.5 % quantile of the effect for directions of permuted labels; of the guess where nothing was carried
-- Column gaussian_high: 97.5 % quantile of the guess for Gaussian directions
-- Column p_value: the largest of those needed: signs flipped of effects and of effects beyond a neutral donor's; of directions, permuted labels too
-- Column p_directions: of directions only, against permuted labels
-- Column q_value: Benjamini and Hochberg's q of the emotion's smallest p at this site, over emotions and models
-- Column attribution_low: lower end of the 95 % interval of attribution
-- Column guess_beyond_neutral: attribution minus that of a neutral text of another topic as the donor
-- Column guess_beyond_neutral_low: lower end of its 95 % interval
-- Column verdict: found, where states were carried; predicted, where they were not; or what stands against it
with cells as (
    select
        run_id,
        extraction_id,
        dataset,
        model,
        test_set,
        reference,
        pooling,
        suffix,
        emotion,
        site,
        layer,
        positions,
        head,
        max(value) filter (where measure = 'effect') as effect,
        max(ci_low) filter (where measure = 'effect') as ci_low,
        max(ci_high) filter (where measure = 'effect') as ci_high,
        max(value) filter (where measure = 'share') as share,
        max(ci_low) filter (where measure = 'share') as share_low,
        max(ci_high) filter (where measure = 'share') as share_high,
        max(value) filter (where measure = 'effect_beyond_neutral') as beyond_neutral,
        max(ci_low) filter (where measure = 'effect_beyond_neutral') as beyond_neutral_low,
        max(value) filter (where measure = 'attribution') as attribution,
        max(ci_low) filter (where measure = 'attribution') as attribution_low,
        max(value) filter (where measure = 'attribution_beyond_neutral') as guess_beyond_neutral,
        max(ci_low) filter (where measure = 'attribution_beyond_neutral') as guess_beyond_neutral_low,
        max(null_high) filter (where measure = 'effect_against_directions') as carried_high,
        max(null_high) filter (
            where measure = 'attribution_against_directions' and null_kind <> 'gaussian'
        ) as guessed_high,
        max(null_high) filter (
            where measure = 'attribution_against_directions' and null_kind = 'gaussian'
        ) as gaussian_high,
        max(p_value) filter (where measure = 'effect') as p_effect,
        max(p_value) filter (where measure = 'effect_beyond_neutral') as p_beyond,
        max(p_value) filter (where measure = 'attribution') as p_guessed,
        max(p_value) filter (where measure = 'attribution_beyond_neutral') as p_guessed_beyond,
        max(p_value) filter (where measure = 'effect_against_directions') as p_carried_directions,
        max(p_value) filter (
            where measure = 'attribution_against_directions' and null_kind <> 'gaussian'
        ) as p_guessed_directions,
        max(n) as n
    from patching_statistics
    where layer is not null
    group by all
),

models as (
    select
        extraction_id,
        n_layers
    from extractions
),

chosen as (
    select
        * exclude (
            carried_high,
            guessed_high,
            p_effect,
            p_beyond,
            p_guessed,
            p_guessed_beyond,
            p_carried_directions,
            p_guessed_directions,
            n_layers
        ),
        effect is not null as is_carried,
        coalesce(site = 'residual' and layer = n_layers and positions in ('-1', 'suffix'), false) as is_whole,
        case
            when effect is not null then least(ci_low, beyond_neutral_low)
            else least(attribution_low, guess_beyond_neutral_low)
        end as low,
        case when effect is not null then carried_high else guessed_high end as directions_high,
        case when effect is not null then p_effect else p_guessed end as p_signs,
        case when effect is not null then p_beyond else p_guessed_beyond end as p_donors,
        case when effect is not null then p_carried_directions else p_guessed_directions end as p_directions
    from cells
    left join models using (extraction_id)
),

needed as (
    select
        *,
        -- all that is needed must be small, so the largest counts; where one is not known, none is
        case
            when p_signs is null or p_donors is null then null
            when site <> 'direction' then greatest(p_signs, p_donors)
            when p_directions is not null then greatest(p_signs, p_donors, p_directions)
        end as p_value
    from chosen
),

families as (
    select
        run_id,
        emotion,
        site,
        dataset,
        test_set,
        suffix,
        is_carried,
        min(p_value) as p_smallest
    from needed
    where p_value is not null and not is_whole
    group by all
),

ranked as (
    select
        *,
        count(*) over (partition by dataset, test_set, suffix, site, is_carried) as n_tests,
        count(*) over (
            partition by dataset, test_set, suffix, site, is_carried
            order by p_smallest range unbounded preceding
        ) as n_as_small
    from families
),

tested as (
    select
        run_id,
        emotion,
        site,
        min(least(1, p_smallest * n_tests / n_as_small)) over (
            partition by dataset, test_set, suffix, site, is_carried
            order by p_smallest range between current row and unbounded following
        ) as q_value
    from ranked
)

select
    needed.run_id,
    needed.extraction_id,
    needed.dataset,
    needed.model,
    needed.test_set,
    needed.reference,
    needed.pooling,
    needed.suffix,
    needed.emotion,
    needed.site,
    needed.layer,
    needed.positions,
    needed.head,
    needed.is_whole,
    needed.effect,
    needed.ci_low,
    needed.ci_high,
    needed.share,
    needed.share_low,
    needed.share_high,
    needed.beyond_neutral,
    needed.beyond_neutral_low,
    needed.directions_high,
    needed.gaussian_high,
    needed.p_value,
    needed.p_directions,
    tested.q_value,
    needed.attribution,
    needed.attribution_low,
    needed.guess_beyond_neutral,
    needed.guess_beyond_neutral_low,
    needed.n,
    case
        when needed.effect is null and needed.attribution is null then null
        when needed.is_whole then 'the whole, by construction'
        when needed.p_value is null then 'too few topics to tell'
        when needed.p_directions >= 0.05 then 'no more than permuted labels do'
        when needed.p_value >= 0.05 or tested.q_value >= 0.05 or coalesce(needed.low, 0) <= 0 then 'not shown'
        when needed.is_carried then 'found'
        else 'predicted'
    end as verdict
from needed
left join tested
    on needed.run_id = tested.run_id and needed.emotion = tested.emotion and needed.site = tested.site
