"""The two splits of a run's data set and the batches that are drawn from them."""

from __future__ import annotations

import torch

from stereo_exp.config import Root
from stereo_exp.data import Augment, StereoLoader, eval_loader, steps_per_epoch, train_loader
from stereo_exp.suite.datasets import open_split, require_truth
from stereo_exp.suite.runs.process import Process


class Splits:
    """Training and test data of a run.

    Args:
        config: its `dataset`, `loader`, `augment` and `seed` count here.
        multiple: of what the network's heights and widths are multiples, px: whole images are padded on to it.
        training: whether there is a training split to open.
        truth: whether it must have truth. False: its images are enough, to calibrate on.

    Raises:
        UserError: a set is not where the config says, or has no truth to train on.
    """

    def __init__(self, config: Root, multiple: int, training: bool = True, truth: bool = True) -> None:
        self._dataset, self._loader, self._seed = config.dataset, config.loader, config.seed
        self._multiple, self._patience = multiple, config.machine.patience
        self._augment = Augment(list(config.augment.values()))
        self._train = open_split(config.dataset, "train") if training else None
        if self._train is not None and truth:
            require_truth(config.dataset, self._train)
        self._test = open_split(config.dataset, "test")

    def __enter__(self) -> Splits:
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of files and processes: of the one that renders an endless set, above all."""
        for source in (self._train, self._test):
            if source is not None:
                source.close()

    @property
    def num_test(self) -> int:
        """Pairs in the test split."""
        return len(self._test)

    @property
    def test_has_truth(self) -> bool:
        """Whether predictions on the test split can be scored."""
        return self._test.has_truth

    def steps_per_epoch(self, world_size: int) -> int:
        """Training steps in which the training split is seen once."""
        assert self._train is not None
        return steps_per_epoch(self._train.order.num_samples, self._loader.batch_size, world_size)

    @property
    def test_sets(self) -> tuple[str, ...]:
        """Names of the data sets that a mixed test split consists of; empty for a single one."""
        return self._test.names

    def test_set_of(self, index: int) -> str:
        """Which of `test_sets` a pair belongs to."""
        return self._test.set_of(index)

    def train(self, process: Process, device: torch.device, start_step: int, num_steps: int) -> StereoLoader:
        """This process's training batches from `start_step` on."""
        assert self._train is not None
        height, width = self._loader.crop
        return train_loader(
            self._train,
            batch_size=self._loader.batch_size,
            crop=(height, width),
            multiple=self._multiple,
            seed=self._seed,
            augment=self._augment,
            on_error=self._dataset.on_error,
            workers=self._loader.workers,
            rank=process.rank,
            world_size=process.world_size,
            start_step=start_step,
            total_steps=num_steps,
            pin_memory=device.type == "cuda",
            patience=self._patience,
        )

    def calibration(self, batch_size: int, num_batches: int) -> StereoLoader:
        """The first `num_batches` batches of the training split: whole images, padded, in order, not augmented."""
        assert self._train is not None
        return eval_loader(
            self._train,
            batch_size=batch_size,
            multiple=self._multiple,
            on_error=self._dataset.on_error,
            workers=self._loader.workers,
            patience=self._patience,
            limit=batch_size * num_batches,
        )

    def test(self, process: Process) -> StereoLoader:
        """This process's share of the test split, whole images in order."""
        return eval_loader(
            self._test,
            batch_size=self._loader.eval_batch_size,
            multiple=self._multiple,
            on_error=self._dataset.on_error,
            workers=self._loader.workers,
            rank=process.rank,
            world_size=process.world_size,
            patience=self._patience,
            # Padding to the largest of a batch would make a prediction depend on its batch mates.
            split_sizes=True,
        )
