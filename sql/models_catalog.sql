-- The catalog of models: the files themselves are rows, so that a switch is an UPDATE, a backup holds them, and a standby has them.

CREATE SEQUENCE recommend.model_ids AS int;
COMMENT ON SEQUENCE recommend.model_ids IS 'Numbers of models';

CREATE TABLE recommend.models (
    name text COLLATE "C" PRIMARY KEY,
    generation bigint NOT NULL DEFAULT pg_catalog.nextval('recommend.generation'),
    id int NOT NULL UNIQUE DEFAULT pg_catalog.nextval('recommend.model_ids'),
    active int,
    traffic jsonb,
    shadow int,
    history jsonb NOT NULL DEFAULT '[]',
    next_version int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE recommend.models IS
    'The models and which of their versions answers. Changed by deploy_model(), activate_model(), rollback_model(), set_model_traffic(), '
    'set_model_shadow() and drop_model() only';
COMMENT ON COLUMN recommend.models.generation IS 'Another one after each change: sessions keep what they read under it';
COMMENT ON COLUMN recommend.models.id IS
    'The N of the view recommend.model_N: who owns that owns the model, and who may select from it may score';
COMMENT ON COLUMN recommend.models.traffic IS 'The versions'' shares in percent; NULL is the active one alone';
COMMENT ON COLUMN recommend.models.history IS 'What was active before, oldest first, for rollback_model()';

CREATE TABLE recommend.model_versions (
    model text COLLATE "C",
    version int,
    sha256 bytea NOT NULL,
    onnx_bytes bigint NOT NULL,
    graph bytea NOT NULL,
    graph_hash bytea NOT NULL,
    weights bytea,
    weights_hash bytea,
    inputs jsonb NOT NULL,
    output jsonb NOT NULL,
    features text[] NOT NULL,
    defaults jsonb NOT NULL,
    operators text[] NOT NULL,
    opset int NOT NULL,
    single_row bool NOT NULL,
    takes_missing bool NOT NULL,
    deployed_by name NOT NULL,
    deployed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (model, version)
);
-- Compressing them gains little, and would have to be undone whole to read a part.
ALTER TABLE recommend.model_versions ALTER COLUMN graph SET STORAGE EXTERNAL, ALTER COLUMN weights SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.model_versions IS 'The versions of models, each as it is served';
COMMENT ON COLUMN recommend.model_versions.sha256 IS 'Of the file that was deployed';
COMMENT ON COLUMN recommend.model_versions.graph IS 'The model with its one output, without its large tensors where these are shared';
COMMENT ON COLUMN recommend.model_versions.weights IS 'The large tensors, which sessions map from a file made of this; NULL where the graph has all';
COMMENT ON COLUMN recommend.model_versions.single_row IS 'One run takes one row only: batches are run row by row';
COMMENT ON COLUMN recommend.model_versions.takes_missing IS 'A row of NaN gives a score';

SELECT pg_catalog.pg_extension_config_dump('recommend.model_ids', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.models', '');
SELECT pg_catalog.pg_extension_config_dump('recommend.model_versions', '');
