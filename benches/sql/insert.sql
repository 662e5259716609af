\set user random(1, :users)
\set item random_zipfian(1, :items, 1.01)
INSERT INTO events VALUES (:user, :item, now(), 'view', 'mobile');
