-- What every feed has.

CREATE TABLE recommend.delta_{id} (
    epoch int NOT NULL,
    change smallint NOT NULL,
    user_key {user_type},
    item_key {item_type},
    at timestamptz,
    weight real NOT NULL,
    session bigint,
    context text[] COLLATE "C"
) USING heap WITH (
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_threshold = 1000000,
    autovacuum_analyze_threshold = 100000,
    toast.autovacuum_vacuum_cost_delay = 0
);
COMMENT ON TABLE recommend.delta_{id} IS
    'Events that are not packed yet: +1 came, -1 went, 0 has no key or time';

CREATE TABLE recommend.contexts_{id} (
    node int NOT NULL,
    hash bigint NOT NULL,
    context text[] COLLATE "C" NOT NULL,
    CONSTRAINT contexts_{id}_pkey PRIMARY KEY (node)
) USING heap;
CREATE INDEX contexts_{id}_key ON recommend.contexts_{id} (hash);
COMMENT ON TABLE recommend.contexts_{id} IS 'Contexts: dense number, hash, and the texts of the context columns, which may be longer than an index takes';
