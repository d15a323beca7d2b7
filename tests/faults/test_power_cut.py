"""A power cut at any moment: what training writes is recorded, and every prefix of it is replayed into a folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stereo_exp.model.checkpoint import load_newest

CALLS = "openat,write,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,ftruncate"
STEPS = 4
SAVES = f"""
import os
import sys
from pathlib import Path
import torch
from stereo_exp.model.checkpoint import save_checkpoint
for step in range({STEPS}):
    meta = {{"stage": "float", "step": step, "num_steps": 9, "config": {{}}, "run_id": None}}
    weights = {{"model": {{"w": torch.full((300,), float(step))}}}}
    save_checkpoint(Path(sys.argv[1]) / "last.safetensors", meta, weights, keep_previous=True)
    os.write(1, b"saved %d" % step)
"""


@dataclass
class File:
    """An inode: what was written to it, and how much of that is on the disk for certain."""

    data: bytes = b""
    synced: bytes = b""


@dataclass
class Disk:
    """A folder and what of it a power cut leaves."""

    names: dict[str, File] = field(default_factory=dict)
    synced_names: dict[str, File] = field(default_factory=dict)
    saved: int = -1
    """The last step whose save had come back."""

    def apply(self, call: str, words: list[str], data: bytes, result: str) -> None:
        """One system call that went well."""
        first = Path(words[0]).name if words else ""
        if call == "openat":
            if "O_CREAT" in result:
                self.names.setdefault(first, File())
            if "O_TRUNC" in result:
                self.names[first].data = b""
        elif call == "write":
            self.names[first].data += data
        elif call in ("fsync", "fdatasync"):
            if first in self.names:
                self.names[first].synced = self.names[first].data
            else:
                self.synced_names = dict(self.names)
        elif call.startswith("rename"):
            self.names[Path(words[1]).name] = self.names.pop(first)
        elif call.startswith("link"):
            self.names[Path(words[1]).name] = self.names[first]
        elif call.startswith("unlink"):
            self.names.pop(first, None)
        else:
            raise AssertionError(f"{call} is not replayed")

    def leave(self, folder: Path, names: dict[str, File], is_synced_only: bool) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, file in names.items():
            (folder / name).write_bytes(file.synced if is_synced_only else file.data)


def record(folder: Path, log: Path) -> list[tuple[str, list[str], bytes, str]]:
    """What the saves ask of the system: call, names in it, bytes written, the rest of the line."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    command = [strace, "-f", "--seccomp-bpf", "-y", "-xx", "-s", "65536", "-o", str(log), "-e", f"trace={CALLS}"]
    done = subprocess.run(
        [*command, sys.executable, "-c", SAVES, str(folder)], capture_output=True, text=True, timeout=120
    )
    if done.returncode and "PTRACE" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr[-2000:]
    found = []
    for line in log.read_text().splitlines():
        call = re.match(r"\d+\s+(\w+)\(", line)
        if call is None or " = -1 " in line:
            continue
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', line)]
        opened = [bytes.fromhex(t.replace("\\x", "")).decode() for t in re.findall(r"<((?:\\x[0-9a-f]{2})+)>", line)]
        if call[1] == "write" and texts and texts[0].startswith(b"saved "):
            found.append(("saved", [], texts[0], ""))
        elif call[1] in ("write", "fsync", "fdatasync", "ftruncate"):
            if opened and opened[0].startswith(str(folder)):
                found.append((call[1], opened[:1], texts[0] if texts else b"", line))
        elif texts and texts[0].startswith(bytes(folder)):
            found.append((call[1], [text.decode() for text in texts], b"", line))
    return found


def test_a_whole_checkpoint_is_found_after_a_power_cut_at_any_moment(tmp_path: Path) -> None:
    """Four worlds for each moment: bytes and names that nobody synced may be there or not."""
    folder, left = tmp_path / "run", tmp_path / "left"
    folder.mkdir()
    calls = record(folder, tmp_path / "log")
    assert [c[0] for c in calls].count("saved") == STEPS
    disk, tried = Disk(), 0
    for call, words, data, rest in calls:
        if call == "saved":
            disk.saved = int(data.split()[1])
        else:
            disk.apply(call, words, data, rest)
        for names in (disk.names, disk.synced_names):
            for is_synced_only in (True, False):
                disk.leave(left, names, is_synced_only)
                found = load_newest(left / "last.safetensors")
                tried += 1
                assert disk.saved < 0 or found is not None, (call, words, is_synced_only)
                assert found is None or found.meta["step"] >= disk.saved, "what was saved is not taken back"
                assert found is None or found.part("model")["w"][0] == found.meta["step"]
    assert disk.saved == STEPS - 1
    assert tried > 100
