-- Raw cosine similarity of one emotion's vectors in two models (not controls) of equal width, at equal layers, beside its chance spread.
-- Grain: extraction_a, extraction_b, dataset, model_a, model_b, method, reference, pooling, emotion, layer
-- Reads: vectors, extractions
-- Column cosine_similarity: NULL when either vector has zero length; models of different width have no row
-- Column chance_stddev: 1 / sqrt(d_model), the spread of the cosine between unrelated directions, whose mean is 0
with defined as (
    select vectors.*, case when vectors.relative_norm >= 1e-5 then vectors.vector end as direction_vector
    from vectors
    left join extractions using (extraction_id)
    where vectors.relative_norm is not null and extractions.control is null
)

select
    a.extraction_id as extraction_a,
    b.extraction_id as extraction_b,
    a.dataset,
    a.model as model_a,
    b.model as model_b,
    a.method,
    a.reference,
    a.pooling,
    a.emotion,
    a.layer,
    a.averaged and b.averaged as averaged,
    a.d_model,
    cosine(a.direction_vector, b.direction_vector) as cosine_similarity,
    1 / sqrt(a.d_model) as chance_stddev
from defined as a
inner join defined as b
    on
        a.dataset = b.dataset
        and a.method = b.method
        and a.reference = b.reference
        and a.pooling = b.pooling
        and a.emotion = b.emotion
        and a.layer = b.layer
        and a.d_model = b.d_model
        and a.model < b.model
