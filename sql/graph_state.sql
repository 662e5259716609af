CREATE TABLE recommend.nodes_{id} (
    node int NOT NULL,
    node_type smallint NOT NULL,
    key text COLLATE "C" NOT NULL,
    CONSTRAINT nodes_{id}_pkey PRIMARY KEY (node),
    CONSTRAINT nodes_{id}_key UNIQUE (node_type, key)
) USING heap;
COMMENT ON TABLE recommend.nodes_{id} IS 'Nodes of a graph: dense number, type, and key as text'
