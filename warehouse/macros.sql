-- Cosine of two equally long vectors in double precision; NULL for a zero vector, where it is not defined.
create or replace macro cosine(a, b) as
list_dot_product(a::double[], b::double[])
/ nullif(sqrt(list_dot_product(a::double[], a::double[])) * sqrt(list_dot_product(b::double[], b::double[])), 0);
-- Euclidean length of a vector in double precision.
create or replace macro l2_norm(a) as sqrt(list_dot_product(a::double[], a::double[]));
