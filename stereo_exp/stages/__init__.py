"""The numeric stages of a network, each with its trainer, found by name."""

from stereo_exp.registry import Registry

STAGES = Registry(
    "stage",
    {
        "float": "stereo_exp.stages.float:train",
        "calib": "stereo_exp.stages.calib:train",
        "qat": "stereo_exp.stages.qat:train",
        "int_infer": "stereo_exp.stages.int_infer:train",
    },
)
