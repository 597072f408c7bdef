-- Average, spread and range over the averaged layers of the raw cosine of one emotion between two models of equal width.
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, emotion
-- Reads: cross_model_similarity_by_layer
-- Column avg_cosine_similarity: mean over the layers that both models have, by default the embeddings are left out
-- Column cosine_stddev_pop: population standard deviation over those layers
-- Column min_cosine_similarity: least of those cosines
-- Column max_cosine_similarity: greatest of those cosines
-- Column n_layers_averaged: how many layers that mean is over
-- Column chance_stddev: 1 / sqrt(d_model), the spread of the cosine between unrelated directions, whose mean is 0
with by_layer as (
    select * from cross_model_similarity_by_layer
    where averaged
)

select
    extraction_a,
    extraction_b,
    dataset,
    model_a,
    model_b,
    method,
    reference,
    pooling,
    emotion,
    avg(cosine_similarity) as avg_cosine_similarity,
    stddev_pop(cosine_similarity) as cosine_stddev_pop,
    min(cosine_similarity) as min_cosine_similarity,
    max(cosine_similarity) as max_cosine_similarity,
    count(cosine_similarity) as n_layers_averaged,
    any_value(d_model) as d_model,
    any_value(chance_stddev) as chance_stddev
from by_layer
group by all
