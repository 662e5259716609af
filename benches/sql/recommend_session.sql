\set a random_zipfian(1, :items, 1.01)
\set b random_zipfian(1, :items, 1.01)
\set c random_zipfian(1, :items, 1.01)
SELECT * FROM recommend_session(ARRAY[:a::int, :b::int, :c::int], 20);
