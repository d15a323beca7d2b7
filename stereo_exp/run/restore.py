"""A network as a checkpoint holds it, ready to predict."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from stereo_exp.checkpoint import Checkpoint, load_checkpoint, load_weights
from stereo_exp.config import bind
from stereo_exp.model import MODELS


def restore_model(path: Path, device: torch.device) -> tuple[nn.Module, Checkpoint]:
    """Build the network that the checkpoint's config describes, with its weights, in evaluation mode.

    The config goes through `bind`, so that a stranger's checkpoint can only choose among our options.

    Raises:
        CheckpointError: see `load_checkpoint`; UserError: its config breaks our rules.
    """
    checkpoint = load_checkpoint(path)
    config = bind(checkpoint.meta["config"]).model
    model = MODELS[config.name](config)
    load_weights(model, checkpoint)
    return model.to(device, memory_format=torch.channels_last).eval(), checkpoint
