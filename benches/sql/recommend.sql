\set user random(1, :users)
SELECT * FROM recommend(:user::int, 20);
