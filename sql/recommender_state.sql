-- The packed rows of a recommender.

CREATE TABLE recommend.users_{id} (
    key {user_type} NOT NULL,
    node int NOT NULL,
    history recommend.packed NOT NULL,
    CONSTRAINT users_{id}_pkey PRIMARY KEY (key)
) USING heap WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE recommend.users_{id} ALTER COLUMN history SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.users_{id} IS 'Users: dense number and packed history';

CREATE TABLE recommend.items_{id} (
    node int NOT NULL,
    key {item_type} NOT NULL,
    score float8 NOT NULL,
    events bigint NOT NULL,
    last_at timestamptz NOT NULL,
    month_score float8 NOT NULL,
    week_score float8 NOT NULL,
    day_score float8 NOT NULL,
    hour_score float8 NOT NULL,
    sessions float8 NOT NULL,
    users float8 NOT NULL,
    repeats bigint NOT NULL,
    seconds bigint NOT NULL,
    CONSTRAINT items_{id}_pkey PRIMARY KEY (node),
    CONSTRAINT items_{id}_key UNIQUE (key)
) USING heap WITH (fillfactor = 80);
CREATE INDEX items_{id}_score ON recommend.items_{id} (score DESC, node) WHERE events > 0;
COMMENT ON TABLE recommend.items_{id} IS
    'Items: dense number, popularity, and the sessions and users that met it, as log2 of forward-decayed sums of weights';

CREATE TABLE recommend.leaders_{id} (
    node int NOT NULL,
    items recommend.packed NOT NULL,
    CONSTRAINT leaders_{id}_pkey PRIMARY KEY (node)
) USING heap WITH (fillfactor = 50, toast_tuple_target = 8160);
ALTER TABLE recommend.leaders_{id} ALTER COLUMN items SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.leaders_{id} IS
    'Orders: by popularity with a half-life of 30 days (0), 7 days (1), 1 day (2), 1 hour (3), by newest event (4); their first items, packed';

CREATE TABLE recommend.learnt_{id} (
    node int NOT NULL,
    weights recommend.packed NOT NULL,
    CONSTRAINT learnt_{id}_pkey PRIMARY KEY (node)
) USING heap WITH (fillfactor = 50, toast_tuple_target = 8160);
ALTER TABLE recommend.learnt_{id} ALTER COLUMN weights SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.learnt_{id} IS 'What the log has taught about the weights of the score, one row: decayed sums, packed';

CREATE TABLE recommend.neighbors_{id} (
    node int NOT NULL,
    edges recommend.packed NOT NULL,
    CONSTRAINT neighbors_{id}_pkey PRIMARY KEY (node)
) USING heap WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE recommend.neighbors_{id} ALTER COLUMN edges SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.neighbors_{id} IS 'Items: what followed them and what sessions and users met with them, packed';

CREATE TABLE recommend.visits_{id} (
    node int NOT NULL,
    sessions recommend.packed NOT NULL,
    CONSTRAINT visits_{id}_pkey PRIMARY KEY (node)
) USING heap WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE recommend.visits_{id} ALTER COLUMN sessions SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.visits_{id} IS 'Items: their most recent sessions, packed';

CREATE TABLE recommend.sessions_{id} (
    node int NOT NULL,
    user_node int NOT NULL,
    items recommend.packed NOT NULL,
    CONSTRAINT sessions_{id}_pkey PRIMARY KEY (node)
) USING heap WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE recommend.sessions_{id} ALTER COLUMN items SET STORAGE EXTERNAL;
CREATE INDEX sessions_{id}_user ON recommend.sessions_{id} (user_node);
COMMENT ON TABLE recommend.sessions_{id} IS 'Sessions: the user and the packed items';

CREATE TABLE recommend.interests_{id} (
    node int NOT NULL,
    interest recommend.packed NOT NULL,
    CONSTRAINT interests_{id}_pkey PRIMARY KEY (node)
) USING heap WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE recommend.interests_{id} ALTER COLUMN interest SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.interests_{id} IS 'Users: interests in the present session and over those before it, as vectors';

CREATE TABLE recommend.context_items_{id} (
    context int NOT NULL,
    item int NOT NULL,
    score float8 NOT NULL,
    events bigint NOT NULL,
    CONSTRAINT context_items_{id}_pkey PRIMARY KEY (context, item)
) USING heap WITH (fillfactor = 80);
CREATE INDEX context_items_{id}_score ON recommend.context_items_{id} (context, score DESC, item);
COMMENT ON TABLE recommend.context_items_{id} IS 'Popularity of items within a context';
