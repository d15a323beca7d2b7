"""From a checkpoint to what runs without torch: ONNX export, graph rewrites, engines, the static report."""
