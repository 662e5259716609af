-- The table :name of :rows vectors of :dimensions numbers, and the table :queries of 20 of the same kind. From a normal distribution, of all directions
-- alike; with :clusters, about as many directions, from which they are as far away as these are from 0.
CREATE TABLE :name (id int PRIMARY KEY, v real[]);
ALTER TABLE :name ALTER COLUMN v SET STORAGE EXTERNAL;
CREATE TABLE :queries (n int PRIMARY KEY, q real[]);
SELECT setseed(0.5);
CREATE TABLE noise AS
SELECT (n - 1) / :dimensions + 1 AS id, array_agg((sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::real) AS v
  FROM generate_series(1, CASE WHEN :clusters = 0 THEN 0 ELSE (:clusters + :rows::bigint + 20) * :dimensions END) AS n GROUP BY 1;
CREATE UNIQUE INDEX ON noise (id);
INSERT INTO :name
SELECT n.id - :clusters, (SELECT array_agg(a + b) FROM unnest(n.v, c.v) AS s (a, b))
  FROM noise AS n JOIN noise AS c ON c.id = 1 + n.id * 7919 % greatest(:clusters, 1) WHERE n.id > :clusters ORDER BY n.id;
INSERT INTO :name
SELECT (n - 1) / :dimensions + 1, array_agg((sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::real)
  FROM generate_series(1, CASE WHEN :clusters = 0 THEN (:rows::bigint + 20) * :dimensions ELSE 0 END) AS n GROUP BY 1;
WITH last AS (DELETE FROM :name WHERE id > :rows RETURNING id - :rows, v) INSERT INTO :queries SELECT * FROM last;
DROP TABLE noise;
VACUUM ANALYZE :name;
