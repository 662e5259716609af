-- What the protocols with a frozen state share, run after `sets` (what counts as met together: set_id, item_id, at), `questions` and the
-- recommender are there. Everything is asked as of :split, and nothing later is in the event table.
CREATE TABLE counts AS SELECT item_id, count(DISTINCT set_id) AS n FROM sets GROUP BY item_id;
CREATE TABLE pairs AS
SELECT a.item_id, b.item_id AS other_id, count(*) AS together
FROM (SELECT DISTINCT set_id, item_id FROM sets) AS a JOIN (SELECT DISTINCT set_id, item_id FROM sets) AS b USING (set_id)
WHERE a.item_id <> b.item_id GROUP BY 1, 2;
CREATE TABLE cosines AS
SELECT pairs.item_id, other_id, together, together / sqrt(a.n::float8 * b.n) AS cosine, a.n AS support, b.n AS other_support
FROM pairs JOIN counts AS a ON a.item_id = pairs.item_id JOIN counts AS b ON b.item_id = other_id;
CREATE INDEX ON cosines (item_id);
CREATE TABLE bestsellers AS
SELECT item_id, count(*) AS sold FROM sets WHERE at >= timestamptz :'split' - interval '30 days' GROUP BY item_id;
ANALYZE;

CREATE TABLE answers (question_id int, method text, answer int[]);
INSERT INTO answers
SELECT question_id, 'bestsellers of the last month',
       ARRAY(SELECT item_id FROM bestsellers WHERE item_id <> ALL (given) ORDER BY sold DESC, item_id LIMIT 10)
FROM questions;
-- OFFSET 0 keeps the comparison with a long history behind the sums.
INSERT INTO answers
SELECT question_id, 'cosine in plain SQL',
       ARRAY(SELECT other_id FROM (SELECT other_id, sum(cosine) AS total FROM cosines WHERE item_id = ANY (given) GROUP BY other_id OFFSET 0) AS sums
             WHERE other_id <> ALL (given) ORDER BY total DESC, other_id LIMIT 10)
FROM questions;
INSERT INTO answers
SELECT question_id, 'recommend_session',
       ARRAY(SELECT item_id FROM recommend_session(given, 10, include_seen => false, as_of => timestamptz :'split') ORDER BY rank)
FROM questions WHERE user_id IS NULL;
INSERT INTO answers
SELECT question_id, 'similar_items of the three, summed',
       ARRAY(SELECT s.item_id FROM unnest(given) AS g(item_id), LATERAL similar_items(g.item_id, 50, as_of => timestamptz :'split') AS s
             WHERE s.item_id <> ALL (given) GROUP BY s.item_id ORDER BY sum(s.score) DESC, s.item_id LIMIT 10)
FROM questions WHERE user_id IS NULL;
INSERT INTO answers
SELECT question_id, 'recommend(include_seen => false)',
       ARRAY(SELECT item_id FROM recommend(user_id, 10, include_seen => false, as_of => timestamptz :'split') ORDER BY rank)
FROM questions WHERE user_id IS NOT NULL;

WITH shares AS (
    SELECT protocol, method, (SELECT count(*) FROM unnest(answer) AS item WHERE item = ANY (targets)) / 10.0 AS found
    FROM answers JOIN questions USING (question_id)
)
SELECT format('| %s: %s, %s questions | %s | precision@10 | %s ± %s |', :'log', protocol, count(*), method, round(avg(found), 4),
              round(stddev_samp(found) / sqrt(count(*)::numeric), 4))
FROM shares GROUP BY protocol, method ORDER BY protocol, avg(found);

-- Of the items that have ten neighbours with support, the 300 most frequent: how many of similar_items' ten the cosine names too.
WITH lists AS (
    SELECT item_id, support, array_agg(other_id ORDER BY cosine DESC, other_id) AS list
    FROM cosines WHERE support >= 20 AND other_support >= 20 AND together >= 3
    GROUP BY item_id, support HAVING count(*) >= 10 ORDER BY support DESC, item_id LIMIT 300
), compared AS (
    SELECT (SELECT count(*) FROM similar_items(item_id, 10, as_of => timestamptz :'split') AS s WHERE s.item_id = ANY (list[1:10])) AS overlap
    FROM lists
)
SELECT format('| %s: similar_items, %s items | similar_items | overlap@10 with cosine | %s ± %s |', :'log', count(*), round(avg(overlap), 2),
              round(stddev_samp(overlap) / sqrt(count(*)::numeric), 2))
FROM compared;

\echo
\echo '| item | similar_items |'
\echo '|---|---|'
SELECT format('| %s | %s |', title, array_to_string(ARRAY(
           SELECT other.title FROM similar_items(titles.item_id, 5, as_of => timestamptz :'split') AS s JOIN titles AS other USING (item_id) ORDER BY s.rank
       ), '; '))
FROM titles JOIN unnest(:'wanted'::text[]) WITH ORDINALITY AS wanted (prefix, place) ON starts_with(title, prefix)
ORDER BY place, title;
\echo
\echo '| protocol, through SQL | method | figure | value |'
\echo '|---|---|---|---|'
