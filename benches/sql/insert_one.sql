\set user random(1, 50000)
\set item random_zipfian(1, 20000, 1.01)
INSERT INTO :table VALUES (:user, :item, now(), 'view', 'mobile');
