"""The numeric stages of a network, each with its trainer, found by name."""

from stereo_exp.registry import Registry

STAGES = Registry("stage", {"float": "stereo_exp.stages.float:train"})
