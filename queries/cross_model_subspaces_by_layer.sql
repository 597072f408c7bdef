-- Subspaces of each emotion's prompts: overlap of models (carried, or where mapping is NULL as they stand), and within a model against all other labels.
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, layer_a, layer_b, emotion, mapping, k
-- Reads: cross_model_tests_by_layer
-- Column overlap: mean squared cosine of the principal angles
-- Column overlap_null_mean: when labels are exchanged; of models as they stand, of unrelated subspaces (k / d_model)
-- Column overlap_null_high: 97.5 % quantile of that null
-- Column overlap_p_value: of the upper tail of that null; within a model of both tails, for an emotion may overlap less with the others
-- Column first_angle: smallest principal angle, in degrees
-- Column last_angle: largest principal angle, in degrees
-- Column explained: share of the emotion's variance in k components; within a model only
-- Column explained_null_high: 97.5 % quantile of that share when labels are exchanged
-- Column directions_explained: share of all emotions' directions in their first k components (emotion NULL); within a model only
-- Column directions_explained_null_high: 97.5 % quantile of that share when labels mean nothing
select
    extraction_a,
    extraction_b,
    dataset,
    model_a,
    model_b,
    method,
    reference,
    pooling,
    layer_a,
    layer_b,
    emotion,
    mapping,
    k,
    any_value(value) filter (where measure = 'subspace_overlap') as overlap,
    any_value(null_mean) filter (where measure = 'subspace_overlap') as overlap_null_mean,
    any_value(null_high) filter (where measure = 'subspace_overlap') as overlap_null_high,
    any_value(p_value) filter (where measure = 'subspace_overlap') as overlap_p_value,
    any_value(value) filter (where measure = 'principal_angle_first') as first_angle,
    any_value(value) filter (where measure = 'principal_angle_last') as last_angle,
    any_value(value) filter (where measure = 'subspace_explained') as explained,
    any_value(null_high) filter (where measure = 'subspace_explained') as explained_null_high,
    any_value(value) filter (where measure = 'directions_explained') as directions_explained,
    any_value(null_high) filter (where measure = 'directions_explained') as directions_explained_null_high,
    any_value(n) as n
from cross_model_tests_by_layer
where
    measure in ('subspace_overlap', 'principal_angle_first', 'principal_angle_last', 'subspace_explained', 'directions_explained')
group by all
