"""A network as a checkpoint holds it, ready to predict."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from stereo_exp.checkpoint import Checkpoint, load_checkpoint, load_weights
from stereo_exp.config import bind
from stereo_exp.model import MODELS


def restore_model(path: Path, device: torch.device) -> tuple[nn.Module, Checkpoint]:
    """Build the network that the checkpoint's config and stage describe, with its weights, in evaluation mode.

    The config goes through `bind`, so that a stranger's checkpoint can only choose among our options.

    Raises:
        CheckpointError: see `load_checkpoint`; UserError: its config breaks our rules, or torchao is not installed.
    """
    checkpoint = load_checkpoint(path)
    config = bind(checkpoint.meta["config"])
    network: nn.Module
    if checkpoint.meta["stage"] == "float":
        network = MODELS[config.model.name](config.model)
        load_weights(network, checkpoint)
    else:
        from stereo_exp.quant.convert import convert
        from stereo_exp.quant.state import restore_quantised

        network = restore_quantised(checkpoint, config)
        if checkpoint.meta["stage"] == "int_infer":
            network = convert(network)
    return network.to(device, memory_format=torch.channels_last).eval(), checkpoint  # type: ignore[call-overload]
