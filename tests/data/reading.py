"""A training without a network, to be killed: `python reading.py ROOT DIARY WORKERS PAUSE` writes a line a batch."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from making import MAKER

from stereo_exp.data.endless.source import EndlessSource, Recipe
from stereo_exp.data.order import TrainBatches
from stereo_exp.geometry.pair import StereoSample

PARAMETERS = {"height": 16, "width": 24, "seed": 0, "pause": 0.02}
TOTAL, BATCH, SEED = 40, 2, 1


def open_noise(root: Path) -> EndlessSource:
    """The set that is read: 12 pairs an epoch, four of them new."""
    return EndlessSource(root, Recipe("noise", MAKER, PARAMETERS, (16, 24)), pairs=12, reads=3)


def read_lines(source: EndlessSource, start: int, workers: int) -> Iterator[str]:
    """A line for each batch from step `start` on; without workers torch is not needed either."""
    if workers == 0:
        for step, batch in enumerate(TrainBatches(source.order, BATCH, seed=SEED, total_steps=TOTAL)):
            if step >= start:
                yield _line(step, [source.read_at(*place) for place in batch])
        return
    from stereo_exp.data.loader import train_loader

    batches = train_loader(
        source, batch_size=BATCH, total_steps=TOTAL, start_step=start, seed=SEED, crop=None, workers=workers
    )
    for step, batch in enumerate(batches, start):
        yield _line(step, [batch.sample(i) for i in range(len(batch))])


def _line(step: int, samples: list[StereoSample]) -> str:
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(sample.left.tobytes() + sample.right.tobytes() + sample.disparity.tobytes())
    return f"{step} {digest.hexdigest()[:16]} {','.join(sample.key for sample in samples)}\n"


def main(root: str, diary: str, workers: str, pause: str) -> None:
    """Go on behind the last whole line, with `pause` seconds after each."""
    path = Path(diary)
    text = path.read_text() if path.exists() else ""
    path.write_text(text[: text.rfind("\n") + 1])
    source = open_noise(Path(root))
    for line in read_lines(source, text.count("\n"), int(workers)):
        with path.open("a") as file:
            file.write(line)
        time.sleep(float(pause))
    source.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
