"""What a model can be compiled for: one module for each engine, found by name.

An engine's `write(model, folder, name)` leaves the files of one form in `folder` and returns their entry for the
manifest.
"""

from stereo_exp.registry import Registry

ENGINES = Registry(
    "compile.engines",
    {
        "onnxruntime": "stereo_exp.deploy.engines.onnxruntime:write",
        "openvino": "stereo_exp.deploy.engines.openvino:write",
    },
)
