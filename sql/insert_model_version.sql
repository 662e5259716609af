INSERT INTO recommend.model_versions (model, version, sha256, onnx_bytes, graph, graph_hash, weights, weights_hash, inputs, output, features,
                                      defaults, operators, opset, single_row, takes_missing, deployed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
