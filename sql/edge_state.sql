-- The packed rows of a source of edges.

CREATE TABLE recommend.out_{id} (
    node int NOT NULL,
    edges recommend.packed NOT NULL,
    CONSTRAINT out_{id}_pkey PRIMARY KEY (node)
) USING heap WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE recommend.out_{id} ALTER COLUMN edges SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.out_{id} IS 'Nodes: the edges that start there, packed';

CREATE TABLE recommend.in_{id} (
    node int NOT NULL,
    edges recommend.packed NOT NULL,
    CONSTRAINT in_{id}_pkey PRIMARY KEY (node)
) USING heap WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE recommend.in_{id} ALTER COLUMN edges SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.in_{id} IS 'Nodes: the edges that end there, packed';
