-- What DuckDB holds while rows come in: the prompts of the dataset, and the place of every row. The activations lie in a file.
create table prompts (prompt integer, prompt_id varchar, emotion varchar, topic varchar, text varchar, first_row bigint);

create table places (this_row bigint, prompt integer, pooling varchar, layer integer);

-- a layer above this is a mistake even where the depth of the model is not known
create macro highest_layer() as 100000;

-- poolings are joined with other names by commas and slashes
create macro is_name(pooling) as regexp_full_match(pooling, '[A-Za-z0-9_.-]{1,64}');

create macro shortened(text) as case when length(text) > 60 then left(text, 59) || '…' else text end;

-- DuckDB would print on stdout where a check takes seconds
set enable_progress_bar = false;
