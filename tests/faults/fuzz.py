"""A mutating fuzzer over our parsers: `python tests/faults/fuzz.py --parser NAME --seconds 600 --state FILE`.

Inputs are mutations of small whole files (`corpora.py`), and of mutations that behaved in a new way before. A parser
may raise a `UserError`; any other exception, a crash of the process or ten seconds without an answer is a finding, told
once for each place and written beside the state. The state (seed, count, corpus, findings) goes on where it ended.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import logging
import multiprocessing
import os
import random
import resource
import signal
import struct
import sys
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from corpora import PARSERS, Parser

SLOW_SECONDS = 10
MEMORY = 3 << 30
"""Bytes that a parser of a small file may take besides what is imported."""
_START_SECONDS = 600
_KEPT = 256
_LONGEST = 1 << 18
_NUMBERS = (
    *("0", "-1", "1", "1e400", "-1e400", "nan", "NaN", "inf", "null", "true", "1e-320", "18446744073709551616"),
    *("9" * 400, "2147483648", "-9223372036854775809", '""', '"."', '".."', "[]", "{}", "[[]]", '"\\u0000"'),
)
_WORDS = (
    *(b"\0", b"..", b"/", b"\xff\xfe", b"[" * 300, b"{" * 300, b"-" * 5000, b"(" * 300, b"&a *a", b"<!ENTITY"),
    b"${a}",
)


class Timeout(BaseException):
    """No answer in time."""


def mutate(rng: random.Random, data: bytes, others: list[bytes], text: bool) -> bytes:
    """One to eight changes of a whole input."""
    out = bytearray(data)
    for _ in range(1 << rng.randrange(4)):
        kind = rng.randrange(10 if text else 7)
        at = rng.randrange(len(out) + 1)
        length = min(1 << rng.randrange(10), len(out) - at)
        if kind == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif kind == 1 and out:
            out[at % len(out)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del out[at : at + length]
        elif kind == 3:
            out[at:at] = out[at : at + length]
        elif kind == 4:
            packing, most = rng.choice((("<I", 2**32), (">I", 2**32), ("<H", 2**16), (">H", 2**16), ("<Q", 2**64)))
            value = rng.choice((0, 1, most - 1, most // 2, most // 2 - 1, rng.randrange(most)))
            out[at : at + struct.calcsize(packing)] = struct.pack(packing, value)
        elif kind == 5:
            other = rng.choice(others)
            begin = rng.randrange(len(other) + 1)
            out[at : at + length] = other[begin : begin + length]
        elif kind == 6:
            out[at:at] = rng.choice(_WORDS)
        else:
            out = bytearray(_mutate_text(rng, bytes(out)))
    return bytes(out[:_LONGEST])


def _mutate_text(rng: random.Random, data: bytes) -> bytes:
    """A value replaced, a line doubled or dropped."""
    import re

    values = list(re.finditer(rb'"[^"\n]*"|-?\d+(?:\.\d+)?(?:e-?\d+)?|null|true|false|\[[^\[\]]*\]|\{[^{}]*\}', data))
    if values and rng.random() < 0.75:
        value = rng.choice(values)
        new = rng.choice(_NUMBERS).encode() if rng.random() < 0.7 else rng.choice(values)[0]
        return data[: value.start()] + new + data[value.end() :]
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at : at + 1] = [lines[at]] * rng.choice((0, 2, 3))
    return b"\n".join(lines)


def judge(parser: Parser, data: bytes) -> tuple[str, str | None]:
    """How a parser behaved, as a word or two, and what is wrong with that; None: nothing."""
    from stereo_exp.base import UserError

    # Of its own processor time: a busy machine is no fault. A parser that waits is caught by whoever started it.
    signal.setitimer(signal.ITIMER_PROF, SLOW_SECONDS)
    try:
        parser.read(data)
        return "taken", None
    except UserError as error:
        line = str(error)
        told = None if "\n" not in line and len(line) < 2000 else f"a message of {len(line)} characters"
        return f"{error.rule[:40]}", told
    except Timeout:
        return "slow", f"no answer in {SLOW_SECONDS} s"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        where = traceback.extract_tb(error.__traceback__)
        ours = next((f for f in reversed(where) if "stereo_exp" in f.filename), where[-1])
        return "bug", f"{type(error).__name__} at {Path(ours.filename).name}:{ours.name}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _on_alarm(number: int, frame: Any) -> None:
    raise Timeout


def _work(name: str, seconds: float, state: dict[str, Any], pipe: Any) -> None:
    """The child: fuzz until the time is over, telling each input ahead of trying it: it may be the last one."""
    logging.disable(logging.CRITICAL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # OpenCV and its codecs talk
    signal.signal(signal.SIGPROF, _on_alarm)
    parser = PARSERS[name]
    seeds = parser.seeds()
    for seed in seeds:
        word, wrong = judge(parser, seed)  # imports what it needs
        if wrong:
            pipe.send(("finding", wrong, seed))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    corpus = seeds + [base64.b64decode(each) for each in state["corpus"]]
    words = set(state["words"])
    end = time.monotonic() + seconds
    number = state["count"]
    while time.monotonic() < end:
        rng = random.Random(f"{name} {state['seed']} {number}")
        data = mutate(rng, rng.choice(corpus), corpus, parser.text)
        pipe.send(("try", number, data))
        word, wrong = judge(parser, data)
        number += 1
        if wrong:
            pipe.send(("finding", wrong, data))
        elif word not in words and len(corpus) < _KEPT:
            words.add(word)
            corpus.append(data)
            pipe.send(("new", word, data))
    pipe.send(("end", number, b""))


def fuzz(name: str, seconds: float, state_file: Path | None = None, seed: int = 0) -> dict[str, Any]:
    """Fuzz one parser.

    Args:
        name: of `PARSERS`.
        seconds: how long.
        state_file: where the state lies, made with the first call; None: nothing is kept.
        seed: of a new state.

    Returns:
        The state: `count` of inputs tried so far, `findings` with an input for each, base64.
    """
    state: dict[str, Any] = {"seed": seed, "count": 0, "corpus": [], "words": [], "findings": {}}
    if state_file is not None and state_file.is_file():
        state |= json.loads(state_file.read_text()).get(name, {})
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
        child = multiprocessing.get_context("fork").Process(target=_work, args=(name, left, state, theirs), daemon=True)
        child.start()
        theirs.close()
        last, ended = b"", False
        while True:
            try:
                if not ours.poll(30 * SLOW_SECONDS if last else _START_SECONDS):
                    child.kill()
                    break
                kind, what, data = ours.recv()
            except (EOFError, OSError):
                break
            if kind == "try":
                state["count"], last = what + 1, data
            elif kind == "finding":
                state["findings"].setdefault(what, base64.b64encode(data).decode())
            elif kind == "new":
                state["words"].append(what)
                state["corpus"].append(base64.b64encode(data).decode())
            elif kind == "end":
                ended = True
        child.join()
        if not ended:
            how = (
                f"the process was ended by signal {-child.exitcode}"
                if (child.exitcode or 0) < 0
                else "the process ended"
            )
            state["findings"].setdefault(how, base64.b64encode(last).decode())
        if state_file is not None:
            kept = json.loads(state_file.read_text()) if state_file.is_file() else {}
            state_file.write_text(json.dumps({**kept, name: state}))
    return state


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--parser", choices=["all", *PARSERS], default="all")
    arguments.add_argument("--seconds", type=float, default=600, help="of each parser")
    arguments.add_argument("--state", type=Path, help="JSON file to go on from")
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    total = 0
    for name in PARSERS if given.parser == "all" else [given.parser]:
        began = time.monotonic()
        state = fuzz(name, given.seconds, given.state, given.seed)
        took = time.monotonic() - began
        print(f"{name:16} {state['count']:9} inputs {len(state['findings']):3} findings {took:6.0f} s", flush=True)
        for wrong, data in state["findings"].items():
            raw = base64.b64decode(data)
            digest = hashlib.sha256(raw).hexdigest()[:12]
            place = Path(given.state or "fuzz.json").with_name(f"{name}_{digest}.bin")
            place.write_bytes(raw)
            print(f"    {wrong}: {place}", flush=True)
        total += len(state["findings"])
    print(json.dumps({"findings": total}))
    raise SystemExit(1 if total else 0)


if __name__ == "__main__":
    main()
