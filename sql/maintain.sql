-- The compactor by hand.

CREATE FUNCTION recommend.maintain(recommender text DEFAULT NULL, max_events bigint DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'maintain_recommenders';
COMMENT ON FUNCTION recommend.maintain(text, bigint) IS
    'Moves the backlog of a recommender, or of all that the caller owns, into packed rows; gives the number of delta rows moved. Ordinarily a background worker does so';
