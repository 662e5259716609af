-- :rows vectors of :dimensions numbers, from a normal distribution: of all directions alike.
CREATE TABLE items (id int PRIMARY KEY, v real[]);
ALTER TABLE items ALTER COLUMN v SET STORAGE EXTERNAL;
CREATE TABLE queries (n int, q real[]);
SELECT setseed(0.5);
INSERT INTO items
SELECT (n - 1) / :dimensions + 1, array_agg((sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::real)
  FROM generate_series(1, :rows::bigint * :dimensions) AS n GROUP BY 1;
INSERT INTO queries
SELECT (n - 1) / :dimensions + 1, array_agg((sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::real)
  FROM generate_series(1, 20 * :dimensions) AS n GROUP BY 1;
VACUUM ANALYZE items;
