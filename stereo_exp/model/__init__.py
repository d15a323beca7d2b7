"""The network: backbone -> neck -> head -> regression -> post-process, each found by name."""

from stereo_exp.base.registry import Registry

BACKBONES = Registry(
    "model/backbone",
    {
        "mixvargenet": "stereo_exp.model.mixvargenet:build",
        "mobilenetv2": "stereo_exp.model.mobilenetv2:build",
    },
)
NECKS = Registry("model/neck", {"fpn": "stereo_exp.model.fpn:build"})
HEADS = Registry("model/head", {"aanet_spx": "stereo_exp.model.aanet_spx:build"})
MODELS = Registry("model", {"stereonetplus": "stereo_exp.model.stereonetplus:build"})
