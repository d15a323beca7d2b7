"""A Slurm of this machine alone: its daemons in a folder, for as long as a test needs them."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "squeue")
"""Debian's packages `slurm-wlm` and `munge` bring them."""
_SBIN = "/usr/sbin"
_CONFIG = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=0
ReturnToService=2
KillWait={kill_wait}
PreemptMode=REQUEUE
PreemptType=preempt/partition_prio
JobRequeue=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime={grace}
PartitionName=high Nodes={host} MaxTime=INFINITE State=UP PriorityTier=9 PreemptMode=off
"""


def missing() -> str:
    """Why there can be none here; empty where there can."""
    if sys.platform != "linux":
        return "Slurm is for Linux"
    lost = [name for name in PROGRAMS if find(name) is None]
    if lost:
        return f"{', '.join(lost)} not found; Debian has slurm-wlm and munge"
    return "" if os.geteuid() == 0 else "the daemons are started as root alone"


def find(name: str) -> str | None:
    """A program's path; daemons are in no user's own."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}")


class Slurm:
    """Munge, the controller and one node, on ports that are free; a job of partition `high` preempts those of `low`.

    Args:
        folder: for configuration, state and logs.
        cpus: that the node says it has.
        grace: from a preempted job's first signal until its end, s.
    """

    def __init__(self, folder: Path, cpus: int = 2, grace: int = 30) -> None:
        self.folder, self._daemons = folder, list[subprocess.Popen[bytes]]()
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        ports = []
        for _ in range(2):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                ports.append(probe.getsockname()[1])
        host = socket.gethostname().partition(".")[0]
        self._config = folder / "slurm.conf"
        self._config.write_text(
            _CONFIG.format(host=host, user=getpass.getuser(), folder=folder, controller=ports[0], node=ports[1],
                           cpus=cpus, grace=grace, kill_wait=grace)
        )  # fmt: skip
        self.environment = {"SLURM_CONF": str(self._config)}
        """What a command needs to find it."""

    def __enter__(self) -> Self:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = {"socket": "munge.socket", "key-file": key.name, "pid-file": "munge.pid", "log-file": "munge.log",
                 "seed-file": "munge.seed"}  # fmt: skip
        options = [f"--{option}={self.folder / name}" for option, name in files.items()]
        try:
            self._start("munged", "--foreground", "--force", *options)
            self._wait(lambda: (self.folder / "munge.socket").exists())
            self._start("slurmctld", "-D", "-c")
            self._start("slurmd", "-D", "-c")
            self._wait(lambda: "idle" in self._ask("sinfo", "--noheader", "--format=%t"))
        except BaseException:
            self.close()
            raise
        return self

    def _start(self, name: str, *options: str) -> None:
        program = find(name)
        assert program is not None
        with (self.folder / f"{name}.out").open("wb") as out:
            self._daemons.append(
                subprocess.Popen(
                    [program, *options], env={**os.environ, **self.environment}, stdout=out, stderr=subprocess.STDOUT
                )
            )

    def _wait(self, holds: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not holds():
            dead = [each for each in self._daemons if each.poll() is not None]
            assert not dead and time.monotonic() < end, self.told()
            time.sleep(0.1)

    def told(self) -> str:
        """The ends of what the daemons wrote."""
        return "\n".join(
            f"{path.name}: {path.read_text(errors='replace')[-2000:]}"
            for pattern in ("*.out", "*.log")
            for path in sorted(self.folder.glob(pattern))
        )

    def _ask(self, *words: str) -> str:
        done = subprocess.run(words, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=60)
        return done.stdout

    def run(self, *words: str) -> str:
        """A command of Slurm's; what it prints."""
        done = subprocess.run(words, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def jobs(self) -> dict[str, str]:
        """Those that it knows, arrays job by job: id → state."""
        lines = self.run("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def close(self) -> None:
        """End its jobs, whatever they are at, and its daemons: the node before the controller."""
        for options in (("--signal=KILL", "--full"), ()):
            self._ask("scancel", *options, f"--user={getpass.getuser()}")
        with suppress(AssertionError):  # what does not end would hide why the test failed
            self._wait(lambda: not self._ask("squeue", "--noheader"))
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def __exit__(self, *_: object) -> None:
        self.close()
