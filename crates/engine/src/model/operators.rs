//! The operators that are served: those of ONNX (`ai.onnx`) and of `ai.onnx.ml` that compute numbers and categories from their inputs alone.
//!
//! Left out are random numbers (an answer must be the same twice), images, sequences and optional values (rows of features need none),
//! training, and all other domains, whose operators are whatever the runtime's build happens to have.

/// ONNX's own, sorted.
const ONNX: &[&str] = &[
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "Attention", "AveragePool",
    "BatchNormalization", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Cast", "CastLike", "Ceil", "Celu",
    "CenterCropPad", "Clip", "Compress", "Concat", "Constant", "ConstantOfShape", "Conv", "ConvInteger", "ConvTranspose", "Cos", "Cosh",
    "CumSum", "DequantizeLinear", "Det", "Div", "Dropout", "DynamicQuantizeLinear", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand",
    "EyeLike", "Flatten", "Floor", "GRU", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalLpPool",
    "GlobalMaxPool", "Greater", "GreaterOrEqual", "GroupNormalization", "HardSigmoid", "HardSwish", "Hardmax", "Identity", "If",
    "InstanceNormalization", "IsInf", "IsNaN", "LRN", "LSTM", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax",
    "Loop", "LpNormalization", "LpPool", "MatMul", "MatMulInteger", "Max", "MaxPool", "Mean", "MeanVarianceNormalization", "Min", "Mish",
    "Mod", "Mul", "Neg", "NonZero", "Not", "OneHot", "Or", "PRelu", "Pad", "Pow", "QLinearConv", "QLinearMatMul", "QuantizeLinear",
    "RMSNormalization", "RNN", "Range", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "ReverseSequence", "Round", "Scan", "Scatter",
    "ScatterElements", "ScatterND", "Selu", "Shape", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Size", "Slice", "Softmax", "Softplus",
    "Softsign", "Split", "Sqrt", "Squeeze", "StringConcat", "StringNormalizer", "Sub", "Sum", "Swish", "Tan", "Tanh", "TensorScatter",
    "TfIdfVectorizer", "ThresholdedRelu", "Tile", "TopK", "Transpose", "Trilu", "Unique", "Unsqueeze", "Upsample", "Where", "Xor",
];

/// Those of `ai.onnx.ml`, sorted.
const ML: &[&str] = &[
    "ArrayFeatureExtractor", "Binarizer", "CategoryMapper", "DictVectorizer", "FeatureVectorizer", "Imputer", "LabelEncoder",
    "LinearClassifier", "LinearRegressor", "Normalizer", "OneHotEncoder", "SVMClassifier", "SVMRegressor", "Scaler", "TreeEnsemble",
    "TreeEnsembleClassifier", "TreeEnsembleRegressor", "ZipMap",
];

/// Whether an operator is served. `domain` is as the node writes it.
pub fn is_allowed(domain: &str, operator: &str) -> bool {
    match domain {
        "" | "ai.onnx" => ONNX.binary_search(&operator).is_ok(),
        "ai.onnx.ml" => ML.binary_search(&operator).is_ok(),
        _ => false,
    }
}

/// `domain:Operator`, without a domain for ONNX's own.
pub fn full_name(domain: &str, operator: &str) -> String {
    if matches!(domain, "" | "ai.onnx") { operator.to_owned() } else { format!("{domain}:{operator}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted() {
        assert!(ONNX.is_sorted() && ML.is_sorted());
    }

    #[test]
    fn domains() {
        assert!(is_allowed("", "Gemm") && is_allowed("ai.onnx", "Gemm") && is_allowed("ai.onnx.ml", "Scaler"));
        assert!(!is_allowed("com.microsoft", "Gemm") && !is_allowed("", "Scaler") && !is_allowed("", "RandomNormal"));
    }
}
