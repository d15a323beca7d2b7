"""The network: backbone -> neck -> head -> regression -> post-process, each found by name."""

from stereo_exp.registry import Registry

BACKBONES = Registry(
    "model/backbone",
    {
        "mixvargenet": "stereo_exp.model.backbone.mixvargenet:build",
        "mobilenetv2": "stereo_exp.model.backbone.mobilenetv2:build",
    },
)
NECKS = Registry("model/neck", {"fpn": "stereo_exp.model.neck.fpn:build"})
HEADS = Registry("model/head", {"aanet_spx": "stereo_exp.model.head.aanet_spx:build"})
MODELS = Registry("model", {"stereonetplus": "stereo_exp.model.stereonetplus:build"})
