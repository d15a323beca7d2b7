"""A training on an endless set, killed three times at random: the unbroken one's losses, and nobody left behind."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from in_process import run_in_process

pytestmark = pytest.mark.long
STEPS = 30
RUN = (
    "experiment=smoke", "tracker=none", "eval.pictures=0", "dataset.endless=true", "dataset.height=64",
    "dataset.width=128", "dataset.num_train=16", "dataset.reads=4", "dataset.num_test=2", "dataset.render_workers=1",
    "loader.crop=[64,128]", "loader.batch_size=2", "augment=camera", "machine.threads=1", "train.log_every=1",
    "train.save_every=3", "train.eval_every=2", f"optim.steps={STEPS}", "optim.ema_decay=0.9",
)  # fmt: skip


def losses(folder):
    """Step -> training loss, of a run's folder."""
    path = folder / "metrics.jsonl"
    records = (
        [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path.exists() else []
    )
    return {record["step"]: record["train/loss"] for record in records if "train/loss" in record}


def is_left_behind(root):
    """Whether a process that names `root` on its command line lives."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(str(root)) in path.read_bytes() and int(path.parent.name) != os.getpid():
                return True
        except OSError:
            continue
    return False


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_three_times_it_has_the_losses_of_the_unbroken_run(tmp_path, workers):
    whole = Path(run_in_process(*RUN, f"root={tmp_path / 'whole'}", "loader.workers=1").report["run_dir"])
    assert sorted(losses(whole)) == list(range(1, STEPS + 1))
    root, rng = tmp_path / "broken", random.Random(workers)
    command = [sys.executable, "-m", "stereo_exp", *RUN, f"root={root}", f"loader.workers={workers}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for part in range(3):
        process = subprocess.Popen([*command, "train.resume=auto"], env=environment, stdout=subprocess.DEVNULL)
        wanted, deadline = rng.randint(8 * part + 4, 8 * part + 10), time.monotonic() + 300
        while max([0, *(step for folder in root.glob("smoke/float/*") for step in losses(folder))]) < wanted:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(rng.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # Loader workers look every five seconds whether they are orphans.
        deadline = time.monotonic() + 30
        while is_left_behind(root):
            assert time.monotonic() < deadline, "a process is left behind"
            time.sleep(0.1)
    report = run_in_process(*RUN, f"root={root}", f"loader.workers={workers}", "train.resume=auto").report
    assert report["resumed_from"]
    assert losses(Path(report["run_dir"])) == losses(whole)
    assert not is_left_behind(tmp_path)
