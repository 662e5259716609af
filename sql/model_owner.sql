CREATE VIEW recommend.model_{id} AS SELECT {id} AS model;
COMMENT ON VIEW recommend.model_{id} IS 'Whose this is, is the model; who may select from it may score with the model';
