"""Calibration: batches pass through the float network, observers see them, scales follow."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch

from stereo_exp.base import ArgumentError, Meter
from stereo_exp.data import StereoBatch
from stereo_exp.model import normalize
from stereo_exp.quant.bounds import raise_floors
from stereo_exp.quant.fake import ActivationQuantiser, PerChannelWeightQuantiser, Quantiser
from stereo_exp.quant.network import QuantisedStereoNet

log = logging.getLogger(__name__)
# The share of tensors that may be zero for all calibration images.
_MAX_SILENT = 0.25


@torch.no_grad()
def calibrate(network: QuantisedStereoNet, batches: Iterable[StereoBatch], num_batches: int) -> int:
    """Set every scale of `network`, which rounds from then on; returns the number of pairs seen.

    Raises:
        UserError: no batch has pairs, all images are constant, or more than a quarter of the activations were zero.
    """
    device = next(network.parameters()).device
    network.train()
    network.observe(True, Quantiser)
    pairs, varied = 0, False
    with Meter("calibrate", num_batches) as meter:
        for batch in batches:
            for key, reason in batch.skipped:
                log.warning("skipped %s: %s", key, reason)
            if len(batch):
                left, right = batch.left.to(device), batch.right.to(device)
                # Padding repeats the edges: of a constant image it is constant, too.
                varied = varied or bool((left != left[..., :1, :1]).any())
                network.trunk(normalize(left), normalize(right))
                pairs += len(batch)
            meter.advance(pairs=str(pairs))
    if not pairs:
        raise ArgumentError("batches", None, "calibration saw no pairs", "mend the data, see the log")
    if not varied:
        raise ArgumentError(
            "batches",
            None,
            "every calibration image is constant, which says nothing about ranges",
            "calibrate on real images",
        )
    network.observe(False, Quantiser)
    network.eval()
    for activation in network.quantizers(ActivationQuantiser):
        activation.set_from_observer()
    _check_silent(network)
    settle_accumulators(network)
    network.quantize(True)
    return pairs


def settle_accumulators(network: QuantisedStereoNet) -> None:
    """For exact targets: coarsen the few weights whose sums float32 could not carry."""
    targets = {q.target.exact for q in network.quantizers(PerChannelWeightQuantiser)}
    if targets == {True}:
        coarsened = raise_floors(network.trunk)
        log.info("weights of %d channels coarsened, so that no sum takes more than 24 bits", coarsened)


def _check_silent(network: QuantisedStereoNet) -> None:
    """A few tensors may be zero on all images (dead channels behind a ReLU); many say that the network is broken."""
    seen = [q for q in network.quantizers(ActivationQuantiser) if not q.fixed]
    silent = [q.label for q in seen if q.is_silent]
    if len(silent) > _MAX_SILENT * len(seen):
        raise ArgumentError(
            "network",
            silent[0],
            f"was zero for every calibration image, as were {len(silent)} of {len(seen)} tensors",
            "start from a trained checkpoint",
        )
    for label in silent:
        log.warning("%s was zero for every calibration image: its scale is that of a range of 0 to 1", label)
