"""`bench.mode=fps`: frames a second with several of them in flight."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from stereo_exp.runtime.bench.load import Load, Progress

_ROUNDS = 5


@dataclass(frozen=True)
class Fps:
    """Throughput of rounds of frames."""

    rounds: list[float]
    """Frames a second in each."""
    engine: str
    threads: int

    @property
    def median(self) -> float:
        """Frames a second."""
        return median(self.rounds)


def measure(load: Load, in_flight: int, progress: Progress) -> Fps:
    """Keep `in_flight` calls going at once; `load.frames` frames, in rounds whose median counts."""
    left, right = load.pair()
    engine = load.open(in_flight=in_flight)
    calls = max(in_flight, -(-load.frames // (_ROUNDS * len(left))))
    rounds = []
    with ThreadPoolExecutor(in_flight) as pool:

        def drive(count: int) -> None:
            for _ in pool.map(lambda _: engine.run(left, right), range(count)):
                progress(1)

        drive(max(in_flight, load.warm_up))
        for _ in range(_ROUNDS):
            begin = time.perf_counter()
            drive(calls)
            rounds.append(calls * len(left) / (time.perf_counter() - begin))
    return Fps(rounds, f"{engine.name} {engine.version}", engine.threads)
