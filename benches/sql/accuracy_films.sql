-- movietweetings through SQL: three films given, the user's later ones are to be found, in both ways; and items like an item. The split is
-- 2013-08-01, and what came later is not in the event table.
\set split '2013-08-01 00:00+00'
\set log 'movietweetings'
SET timezone = 'UTC';
CREATE TABLE file (position bigserial, user_id int, film text, rating int, epoch bigint);
\copy file (user_id, film, rating, epoch) FROM 'movietweetings_ratings.csv' CSV HEADER
CREATE TABLE films (film text PRIMARY KEY, title text, genres text);
\copy films FROM 'movietweetings_movies.csv' CSV HEADER
CREATE TABLE titles (item_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, film text UNIQUE, title text);
INSERT INTO titles (film, title)
SELECT film, coalesce(min(title), film) FROM file LEFT JOIN films USING (film) GROUP BY film ORDER BY min(position);
CREATE TABLE rated AS SELECT position, user_id, item_id, to_timestamp(epoch) AS at FROM file JOIN titles USING (film);
CREATE TABLE ratings (user_id int NOT NULL, item_id int NOT NULL, at timestamptz NOT NULL);
INSERT INTO ratings SELECT user_id, item_id, at FROM rated WHERE at < :'split' ORDER BY at, position;
CREATE TABLE later AS SELECT * FROM rated WHERE at >= :'split';

CREATE EXTENSION pg_recommend;
SELECT create_recommender('films', 'ratings', user_column => 'user_id', item_column => 'item_id', time_column => 'at') \g /dev/null
ANALYZE;

CREATE TABLE sets AS SELECT user_id AS set_id, item_id, at FROM ratings;
CREATE TABLE questions (
    question_id int GENERATED ALWAYS AS IDENTITY, protocol text NOT NULL, user_id int, given int[] NOT NULL, targets int[] NOT NULL);
-- Samples are drawn by a hash, so that each run asks the same.
INSERT INTO questions (protocol, given, targets)
SELECT 'the first 3 films after the split given', items[1:3], items[4:]
FROM (SELECT user_id, array_agg(item_id ORDER BY at, position) AS items FROM later GROUP BY user_id HAVING count(*) >= 6) AS users
ORDER BY md5(user_id::text) LIMIT :questions;
INSERT INTO questions (protocol, given, targets)
SELECT '3 random earlier films given', known.items[1:3], bought.items
FROM (SELECT user_id, array_agg(item_id ORDER BY md5(format('%s %s', user_id, item_id))) AS items
      FROM ratings GROUP BY user_id HAVING count(*) >= 3) AS known
JOIN (SELECT user_id, array_agg(item_id) AS items FROM later GROUP BY user_id HAVING count(*) >= 3) AS bought USING (user_id)
ORDER BY md5(user_id::text) LIMIT :questions;
\set wanted '{Toy Story (1995),Star Wars (1977),Star Wars: Episode V - The Empire Strikes Back (1980),The Godfather (1972),The Dark Knight (2008),The Lord of the Rings: The Fellowship of the Ring,Iron Man 3 (2013),Pulp Fiction (1994),Finding Nemo (2003),Before Sunset (2004)}'
\ir accuracy_answers.sql
