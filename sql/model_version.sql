SELECT graph_hash, weights_hash, inputs, output, features, defaults, single_row, takes_missing
  FROM recommend.model_versions
 WHERE model = $1 AND version = $2
