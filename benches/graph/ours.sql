-- The log as a graph of pg_recommend: edges from users to items that halve every 7 days, 128 newest neighbours a node and direction.
CREATE EXTENSION pg_recommend;
SET client_min_messages = warning;
SELECT create_graph('peer', half_life => '7 days', max_edges_per_node => 128) \g /dev/null
SELECT add_edges('peer', 'events', from_column => 'user_id', from_type => 'user', to_column => 'item_id', to_type => 'item',
    edge_type => 'met', time_column => 'at') \g /dev/null

-- A large table is read by a background worker after the commit.
CREATE PROCEDURE wait_for_graph() LANGUAGE plpgsql AS $$
BEGIN
    WHILE EXISTS (SELECT FROM recommend.graph_status WHERE needs_rebuild OR backlog > 0) LOOP
        PERFORM pg_sleep(0.5);
        COMMIT;
    END LOOP;
END $$;
CALL wait_for_graph();
VACUUM ANALYZE;
