"""The numeric stages of a network, each with its trainer, found by name."""

from stereo_exp.base.registry import Registry

STAGES = Registry(
    "stage",
    {
        "float": "stereo_exp.suite.stages.float:train",
        "calib": "stereo_exp.suite.stages.calib:train",
        "qat": "stereo_exp.suite.stages.qat:train",
        "int_infer": "stereo_exp.suite.stages.int_infer:train",
    },
)
