-- Each emotion's direction at each layer, with length 1; NULL where the vector is no longer than rounding makes it, as at layer 0.
-- Grain: extraction_id, dataset, model, control, method, reference, pooling, emotion, layer
-- Reads: vectors, extractions
-- Column control: kind of control that the direction is of; NULL for a model
-- Column direction: vector / l2_norm; NULL where the vector has no direction. cosine() of NULL is NULL
with vectors_with_length as (
    select
        vectors.*,
        extractions.control,
        coalesce(
            vectors.relative_norm,
            -- one that is read, not added, has no relative_norm: it has a direction where the mean difference has one
            max(vectors.relative_norm) over (
                partition by
                    vectors.extraction_id, vectors.reference, vectors.pooling, vectors.emotion, vectors.layer
            ),
            -- stored alone, it is compared with the longest of the other layers
            vectors.l2_norm / nullif(
                max(vectors.l2_norm) over (
                    partition by
                        vectors.extraction_id, vectors.method, vectors.reference, vectors.pooling, vectors.emotion
                ),
                0
            )
        ) as share
    from vectors
    left join extractions using (extraction_id)
)

select
    extraction_id,
    dataset,
    model,
    control,
    method,
    reference,
    pooling,
    emotion,
    layer,
    averaged,
    d_model,
    l2_norm,
    case when l2_norm > 0 and share >= 1e-5 then [x / l2_norm for x in vector] end as direction
from vectors_with_length
