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
    CONSTRAINT items_{id}_pkey PRIMARY KEY (node),
    CONSTRAINT items_{id}_key UNIQUE (key)
) USING heap WITH (fillfactor = 80);
CREATE INDEX items_{id}_score ON recommend.items_{id} (score DESC, node) WHERE events > 0;
COMMENT ON TABLE recommend.items_{id} IS
    'Items: dense number and popularity, as log2 of the forward-decayed sum of weights';

CREATE TABLE recommend.neighbors_{id} (
    node int NOT NULL,
    edges recommend.packed NOT NULL,
    CONSTRAINT neighbors_{id}_pkey PRIMARY KEY (node)
) USING heap WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE recommend.neighbors_{id} ALTER COLUMN edges SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.neighbors_{id} IS 'Items: packed transitions and co-visits to other items';

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
