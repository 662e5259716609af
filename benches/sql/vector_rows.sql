-- The table :name of :rows vectors of :dimensions numbers, and the table :queries of 20 of the same kind. From a normal distribution, of all directions
-- alike: a tenth of them, and these with their numbers moved round. With :clusters, about as many directions, from which they are as far away as these
-- are from 0.
CREATE TABLE :name (id int PRIMARY KEY, v real[]);
ALTER TABLE :name ALTER COLUMN v SET STORAGE EXTERNAL;
CREATE TABLE :queries (n int PRIMARY KEY, q real[]);
SELECT setseed(0.5);
CREATE TABLE noise (id int PRIMARY KEY, v real[]);
INSERT INTO noise
SELECT (n - 1) / :dimensions + 1, array_agg((sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::real)
  FROM generate_series(1, (:clusters + :rows / 10 + 20) * :dimensions) AS n GROUP BY 1;
ANALYZE noise;
INSERT INTO :queries SELECT id - :clusters - :rows / 10, v FROM noise WHERE id > :clusters + :rows / 10;
SELECT format('INSERT INTO %1$I SELECT id - %2$s + %3$s, v[%4$s + 1:] || v[:%4$s] FROM noise WHERE id BETWEEN %2$s + 1 AND %2$s + %5$s ORDER BY id',
              :'name', :clusters, part * (:rows / 10), part * :dimensions / 10, :rows / 10)
  FROM generate_series(0, 9) AS part \gexec
SELECT format('UPDATE %1$I SET %2$I = (SELECT array_agg(a + b) FROM unnest(%1$I.%2$I, c.v) AS s (a, b)) FROM noise AS c WHERE c.id = 1 + %1$I.%3$I * 7919::bigint %% %4$s',
              target, vector, key, :clusters)
  FROM (VALUES (:'name', 'v', 'id'), (:'queries', 'q', 'n')) AS t (target, vector, key) WHERE :clusters > 0 \gexec
DROP TABLE noise;
VACUUM FULL :name;
VACUUM ANALYZE :name;
