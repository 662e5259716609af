-- Models that score rows: deploying, switching, scoring.

CREATE VIEW models AS
    SELECT v.model AS name, v.version, coalesce(v.version OPERATOR(pg_catalog.=) m.active, false) AS active,
           CASE WHEN m.traffic IS NOT NULL THEN coalesce((m.traffic OPERATOR(pg_catalog.->>) v.version::text)::float8, 0)
                WHEN v.version OPERATOR(pg_catalog.=) m.active THEN 100 ELSE 0 END AS share,
           coalesce(v.version OPERATOR(pg_catalog.=) m.shadow, false) AS shadow, pg_catalog.pg_get_userbyid(c.relowner) AS owner,
           c.oid::regclass AS access, v.features, v.defaults, v.inputs, v.output, v.operators, v.opset,
           v.single_row, v.takes_missing, pg_catalog.encode(v.sha256, 'hex') AS sha256, v.onnx_bytes AS bytes, v.deployed_by, v.deployed_at
      FROM recommend.models m
      JOIN recommend.model_versions v ON v.model OPERATOR(pg_catalog.=) m.name
      JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.format('recommend.model_%s', m.id))
     WHERE pg_catalog.has_table_privilege(c.oid, 'SELECT');
COMMENT ON VIEW models IS
    'The versions of the models that the current user may score with: what each takes and gives, its share of the traffic in percent, and who '
    'deployed it. GRANT SELECT on what access names lets others score';
GRANT SELECT ON models TO PUBLIC;

CREATE FUNCTION deploy_model(
    name text, onnx bytea, feature_names text[] = NULL, activate bool = true, defaults jsonb = NULL, output text = NULL,
    output_class text = NULL
) RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'model_deploy';
COMMENT ON FUNCTION deploy_model(text, bytea, text[], bool, jsonb, text, text) IS
    'Check an ONNX model, store it as the next version, and give that number. feature_names are the columns of its inputs, in their order; defaults '
    'stand for features that are not given; output and output_class say which number is the score where that is not clear';

CREATE FUNCTION activate_model(name text, version int) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'model_activate';
COMMENT ON FUNCTION activate_model(text, int) IS 'Let a version alone answer, from the next statement of every session after the commit';

CREATE FUNCTION rollback_model(name text) RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'model_rollback';
COMMENT ON FUNCTION rollback_model(text) IS 'Take the last switch or traffic split back, and give the version that is active then';

CREATE FUNCTION set_model_traffic(name text, traffic jsonb) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'model_traffic';
COMMENT ON FUNCTION set_model_traffic(text, jsonb) IS
    'Split the traffic between versions, in percent: ''{"3": 95, "4": 5}''. A unit keeps its version while shares stay, and a version that grows keeps its units. '
    'NULL ends the split';

CREATE FUNCTION set_model_shadow(name text, version int) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'model_shadow';
COMMENT ON FUNCTION set_model_shadow(text, int) IS
    'Score a version beside those that answer, without answering, and compare: see recommend.model_shadows. NULL ends that';

CREATE FUNCTION recommend.model_shadow_rows(
    OUT name text, OUT version int, OUT shadow int, OUT rows bigint, OUT failed bigint, OUT mean_score float8, OUT mean_shadow_score float8,
    OUT mean_difference float8, OUT largest_difference float8, OUT since timestamptz
) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'model_shadows';
COMMENT ON FUNCTION recommend.model_shadow_rows() IS 'The rows of recommend.model_shadows';

CREATE VIEW recommend.model_shadows AS SELECT * FROM recommend.model_shadow_rows();
COMMENT ON VIEW recommend.model_shadows IS
    'How the scores of versions in shadow compare with those that were given, on this server, since the shadow was set';
GRANT SELECT ON recommend.model_shadows TO PUBLIC;

CREATE FUNCTION drop_model(name text, version int = NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'model_drop';
COMMENT ON FUNCTION drop_model(text, int) IS 'Drop a version that does not answer, or the whole model';

REVOKE ALL ON FUNCTION deploy_model(text, bytea, text[], bool, jsonb, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION activate_model(text, int) FROM PUBLIC;
REVOKE ALL ON FUNCTION rollback_model(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION set_model_traffic(text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION set_model_shadow(text, int) FROM PUBLIC;
REVOKE ALL ON FUNCTION drop_model(text, int) FROM PUBLIC;

CREATE FUNCTION ctr_predict(model text, features real[]) RETURNS real
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'ctr_predict_reals';
COMMENT ON FUNCTION ctr_predict(text, real[]) IS 'The score of one row by the active version: its features in the order of the view models';

CREATE FUNCTION ctr_predict(model text, features real[], unit "any") RETURNS real
    LANGUAGE c STABLE PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'ctr_predict_reals';
COMMENT ON FUNCTION ctr_predict(text, real[], "any") IS 'The score of one row by the version that the traffic split gives to a unit, such as a user';

CREATE FUNCTION ctr_predict(model text, features jsonb) RETURNS real
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'ctr_predict_jsonb';
COMMENT ON FUNCTION ctr_predict(text, jsonb) IS 'The score of one row, its features by name; an unknown name is an error';

CREATE FUNCTION ctr_predict(model text, features jsonb, unit "any") RETURNS real
    LANGUAGE c STABLE PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'ctr_predict_jsonb';
COMMENT ON FUNCTION ctr_predict(text, jsonb, "any") IS 'ctr_predict() by name, by the version that the traffic split gives to a unit';

CREATE FUNCTION ctr_predict(model text, features record) RETURNS real
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'ctr_predict_record';
COMMENT ON FUNCTION ctr_predict(text, record) IS 'The score of a row of a table or subquery: the columns named as features; others are left out';

CREATE FUNCTION ctr_predict(model text, features record, unit "any") RETURNS real
    LANGUAGE c STABLE PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'ctr_predict_record';
COMMENT ON FUNCTION ctr_predict(text, record, "any") IS 'ctr_predict() of a row, by the version that the traffic split gives to a unit';

CREATE FUNCTION ctr_predict_batch(model text, features real[]) RETURNS real[]
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100000 AS 'MODULE_PATHNAME', 'ctr_predict_array';
COMMENT ON FUNCTION ctr_predict_batch(text, real[]) IS 'The scores of the rows of a two-dimensional array, by the active version';

CREATE FUNCTION ctr_predict_rows(model text, query text) RETURNS TABLE (id bigint, score real)
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 AS 'MODULE_PATHNAME', 'ctr_predict_query';
COMMENT ON FUNCTION ctr_predict_rows(text, text) IS
    'Score all rows of a query, which is run with the caller''s privileges: its first column is an id; then come features real[], or columns named as features; '
    'a column unit, if there is one, chooses the version in a traffic split';

CREATE FUNCTION ctr_predict_rows(model text, query text, id_type anyelement) RETURNS TABLE (id anyelement, score real)
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 AS 'MODULE_PATHNAME', 'ctr_predict_query';
COMMENT ON FUNCTION ctr_predict_rows(text, text, anyelement) IS
    'ctr_predict_rows() where ids are of another type than bigint: id_type is a NULL of that type, such as NULL::uuid';

CREATE FUNCTION evaluate_model(
    name text, query text, label name = 'label', segment_by name = NULL, version int = NULL, bins int = 10, feature_names text[] = NULL
) RETURNS TABLE (
    segment text, rows bigint, positives bigint, auc float8, log_loss float8, normalized_entropy float8, calibration float8,
    calibration_error float8, calibration_table jsonb
)
    LANGUAGE c STABLE PARALLEL RESTRICTED COST 1000000 ROWS 10 AS 'MODULE_PATHNAME', 'model_evaluate';
COMMENT ON FUNCTION evaluate_model(text, text, name, name, int, int, text[]) IS
    'How good a model''s scores are on the rows of a query, which is run with the caller''s privileges: one row for all, then one for each value of the column '
    'segment_by. label is a column of booleans or of 0 and 1, rows where it is NULL are left out; features are as ctr_predict_rows() takes them, or an array '
    'whose elements feature_names names; version is one that need not be active, else the column unit chooses in a traffic split';

CREATE FUNCTION train_ctr(
    name text, query text, label name = 'label', features text[] = NULL, categories text[] = NULL, crosses text[] = NULL,
    feature_names text[] = NULL, method text = 'fwfm', time_column name = NULL, validation float8 = 0.1, passes int = 50, seed bigint = 0,
    activate bool = true, options jsonb = NULL
) RETURNS TABLE (
    version int, rows bigint, positives bigint, skipped bigint, validation_rows bigint, passes_made int, best_passes int, weights bigint,
    auc float8, log_loss float8, normalized_entropy float8, calibration float8
)
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 1 AS 'MODULE_PATHNAME', 'model_train';
COMMENT ON FUNCTION train_ctr(text, text, name, text[], text[], text[], text[], text, name, float8, int, bigint, bool, jsonb) IS
    'Learn a model from the rows of a query, which is run once with the caller''s privileges, and deploy it as the next version. Numbers are numbers, texts and '
    'booleans categories, and so are integers that categories names; NULL is missing; feature_names names the elements of a real[]. crosses are such as '
    '''country * device''. The last rows, by time_column if it is given, are held out to find when to stop: the figures are of these';
REVOKE ALL ON FUNCTION train_ctr(text, text, name, text[], text[], text[], text[], text, name, float8, int, bigint, bool, jsonb) FROM PUBLIC;
