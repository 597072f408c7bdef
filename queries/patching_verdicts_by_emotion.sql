-- The place of each site at which a carried state says most about an emotion, and how well guesses to first order met effects.
-- What is the whole by construction is no place that was searched.
-- Grain: run_id, extraction_id, dataset, model, test_set, reference, pooling, suffix, emotion, site
-- Reads: patching_cells_by_layer, patching_statistics
-- Column total: mean log-odds of the emotion behind its own texts minus that behind neutral ones, nats
-- Column total_low: lower end of its 95 % interval
-- Column share: effect over total; NULL where the interval of total holds 0
-- Column beyond_neutral: effect minus that of a neutral text of another topic as the donor
-- Column p_value: the largest of all that are needed, each against the largest of all places
-- Column q_value: Benjamini and Hochberg's q over emotions and models
-- Column n_places: places of the site that were searched
-- Column n_found: those with the verdict found or predicted
-- Column first_layer: the lowest layer with one of these verdicts
-- Column half_layer: the lowest layer at which the share is 0.5 or more
-- Column r: correlation of effects with those to first order, over places
-- Column slope: slope of effects on those to first order, over places
-- Column verdict: found, where states were carried; predicted, where they were not; or what stands against it
with best as (
    select
        *,
        count(*) over (partition by run_id, emotion, site) as n_places,
        count(*) filter (where verdict in ('found', 'predicted')) over (partition by run_id, emotion, site) as n_found,
        min(layer) filter (where verdict in ('found', 'predicted')) over (partition by run_id, emotion, site) as first_layer,
        min(layer) filter (where share >= 0.5) over (partition by run_id, emotion, site) as half_layer
    from patching_cells_by_layer
    where not is_whole
    qualify
        row_number() over (
            partition by run_id, emotion, site
            order by p_value asc nulls last, coalesce(effect, attribution) desc, layer asc, positions asc, head asc
        ) = 1
),

wholes as (
    select
        run_id,
        emotion,
        site,
        max(value) filter (where measure = 'total') as total,
        max(ci_low) filter (where measure = 'total') as total_low,
        max(value) filter (where measure = 'attribution_r') as r,
        max(value) filter (where measure = 'attribution_slope') as slope
    from patching_statistics
    where layer is null
    group by all
)

select
    best.run_id,
    best.extraction_id,
    best.dataset,
    best.model,
    best.test_set,
    best.reference,
    best.pooling,
    best.suffix,
    best.emotion,
    best.site,
    wholes.total,
    wholes.total_low,
    best.layer,
    best.positions,
    best.head,
    best.effect,
    best.share,
    best.beyond_neutral,
    best.attribution,
    best.p_value,
    best.q_value,
    best.n_places,
    best.n_found,
    best.first_layer,
    best.half_layer,
    wholes.r,
    wholes.slope,
    best.n,
    best.verdict
from best
inner join wholes
    on best.run_id = wholes.run_id and best.emotion = wholes.emotion and best.site = wholes.site
