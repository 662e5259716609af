-- The packed rows of features.

CREATE TABLE recommend.feature_rows_{id} (
    kind smallint NOT NULL,
    key text COLLATE "C" NOT NULL,
    part text COLLATE "C" NOT NULL,
    features recommend.packed NOT NULL,
    CONSTRAINT feature_rows_{id}_pkey PRIMARY KEY (kind, key, part)
) USING heap WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE recommend.feature_rows_{id} ALTER COLUMN features SET STORAGE EXTERNAL;
COMMENT ON TABLE recommend.feature_rows_{id} IS
    'Entities: kind (0 all, 1 user, 2 item, 3 category, 4 user and category, 5 and on the context columns), key, the category of a user, and their counts, packed';

CREATE TABLE recommend.item_categories_{id} (
    item text COLLATE "C" NOT NULL,
    category text COLLATE "C" NOT NULL,
    CONSTRAINT item_categories_{id}_pkey PRIMARY KEY (item)
) USING heap;
COMMENT ON TABLE recommend.item_categories_{id} IS 'Items: the category that each had when it was first met, or when the features were rebuilt';
