CREATE TABLE recommend.vector_changes_{id} (
    epoch int NOT NULL,
    id {id_type} NOT NULL
) USING heap WITH (
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_threshold = 1000000,
    autovacuum_analyze_threshold = 100000
);
COMMENT ON TABLE recommend.vector_changes_{id} IS
    'Ids whose rows came, went or changed since the generation of the set: what copies hold of these does not count';
