"""Confidence: a table counted on pairs with truth makes a probability of what the network says of itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stereo_exp.geometry.counting import ConfidenceMetrics, ReliabilityCounter, fit_rising
from stereo_exp.geometry.reliability import (
    LEVELS,
    LIMITS,
    TABLE,
    Curve,
    Reliability,
    look_up,
    to_levels,
)
from stereo_exp.geometry.sizing import Rule

ROW = tuple(limit / 20 for limit in LIMITS)
CURVE = Curve((0.0, 1.0), (ROW, (0.9,) * len(LIMITS)), (8.0, 0.5))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), min_size=1, max_size=9))
def test_the_nearest_rising_sequence(points: list[tuple[float, int]]) -> None:
    """Against the definition of isotonic regression: max over starts of min over ends of weighted means."""
    values, weights = (np.array(each, float) for each in zip(*points, strict=True))

    def mean(first: int, last: int) -> float:
        return float(np.average(values[first : last + 1], weights=weights[first : last + 1]))

    n = len(values)
    wanted = [max(min(mean(a, b) for b in range(k, n)) for a in range(k + 1)) for k in range(n)]
    np.testing.assert_allclose(fit_rising(values, weights), wanted, atol=1e-9)


def test_what_was_counted_is_found_again() -> None:
    """Sureness s, right with probability s², else 10 px off: the table says s², and the error that follows."""
    rng = np.random.default_rng(0)
    sureness = rng.random((400, 1000)).astype(np.float32)
    is_right = rng.random(sureness.shape) < sureness**2
    truth = np.full(sureness.shape, 30.0)
    counter = ReliabilityCounter()
    counter.add(sureness, (truth + np.where(is_right, 1.0, 10.0)).astype(np.float32), truth)
    assert counter.num_pixels == sureness.size
    found = Reliability(counter.fit())
    judged = Rule(reliability=found).judge(truth.astype(np.float32), sureness)
    assert np.abs(judged.confidence - sureness**2)[sureness > 0.05].max() < 0.03
    assert np.abs(judged.expected_error - (10 - 9 * sureness**2))[sureness > 0.05].max() < 0.35
    assert judged.confidence.dtype == judged.expected_error.dtype == np.float32


def test_pixels_without_truth_do_not_count_and_those_beyond_the_range_do() -> None:
    counter = ReliabilityCounter()
    truth = np.array([[0.0, -1.0, np.inf, np.nan, 500.0]])
    counter.add(np.full((1, 5), 0.5, np.float32), np.full((1, 5), 20.0, np.float32), truth)
    assert counter.num_pixels == 1
    curve = counter.fit()
    assert curve.error == (480.0,)
    assert curve.within == ((0.0,) * len(LIMITS),)
    with pytest.raises(ValueError, match="no pixel"):
        ReliabilityCounter().fit()


def test_an_enlarged_pair_is_within_more_px_as_it_is_seen() -> None:
    """At twice the width, 2 px as given are 4 px as seen, and an error as seen is half of it as given."""
    for ratio in (0.5, 1.0, 2.0, 3.3):
        right, error = CURVE.look_up(ratio)
        assert right[0] == pytest.approx(2 * ratio / 20)
        assert error[0] == pytest.approx(8 / ratio)
        assert right[LEVELS] == pytest.approx(0.9)
        assert right[LEVELS // 2] == pytest.approx((2 * ratio / 20 + 0.9) / 2, abs=1e-4)
    assert (np.diff(CURVE.look_up(1.0)[0]) >= 0).all()
    assert (np.diff(CURVE.look_up(1.0)[1]) <= 0).all()


def test_a_refined_disparity_has_a_table_of_its_own() -> None:
    other = Curve((0.0, 1.0), (ROW, (0.7,) * len(LIMITS)), (4.0, 0.25))
    sure = np.ones((2, 3), np.float32)
    for table, refine, wanted in (
        (Reliability(CURVE, other), False, 0.9),
        (Reliability(CURVE, other), True, 0.7),
        (Reliability(CURVE), True, 0.9),
    ):
        found = Rule(refine=refine, reliability=table).judge(sure, sure)
        np.testing.assert_allclose(found.confidence, wanted, atol=1e-6)


def test_looking_up_is_what_numpy_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    table, levels = rng.random(TABLE).astype(np.float32), rng.integers(0, TABLE, (37, 53)).astype(np.uint16)
    assert np.array_equal(look_up(table, levels), table[levels])
    monkeypatch.setattr("stereo_exp.geometry.reliability._HAS_LONG_TABLES", False)
    assert np.array_equal(look_up(table, levels), table[levels])


def test_levels_of_what_rounding_or_a_fault_leaves() -> None:
    found = to_levels(np.array([0.0, 1.0, 1.0 + 2e-6, 1.004, np.nan], np.float32))
    assert found[0] == found[4] == 0
    assert LEVELS <= found[1] <= found[2] <= found[3]


def test_files_hold_what_was_fitted() -> None:
    wanted = Reliability(CURVE, CURVE, "two pairs")
    assert Reliability.from_json(json.loads(json.dumps(wanted.to_json()))) == wanted
    assert Reliability.from_json(Reliability(CURVE).to_json()).refined is None


@pytest.mark.parametrize(
    "change",
    [
        {"plain": ["0.5 0.1"]},
        {"plain": []},
        {"plain": ["1.0 " + "0.5 " * len(LIMITS) + "1", "0.5 " + "0.5 " * len(LIMITS) + "1"]},
        {"plain": ["1.0 " + "1.5 " * len(LIMITS) + "1"]},
        {"plain": ["1.0 " + "nan " * len(LIMITS) + "1"]},
        {"plain": 5},
        {"limits_px": [1, 2]},
        {"limits_px": None},
    ],
)
def test_a_damaged_table_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Reliability.from_json({**Reliability(CURVE).to_json(), **change})
    with pytest.raises(ValueError):
        Reliability.from_json({})


def maps(confidence: list[float], error: list[float]) -> tuple[np.ndarray, ...]:
    truth = np.full((1, len(error)), 20.0)
    return np.array([confidence], np.float32), truth + np.array([error]), truth, np.full(truth.shape, 3.0)


def test_confidence_that_keeps_its_word_has_no_calibration_error() -> None:
    rng = np.random.default_rng(2)
    sure = rng.random(200_000)
    good = ConfidenceMetrics()
    good.update(*maps(sure.tolist(), np.where(rng.random(sure.size) < sure, 0.0, 9.0).tolist()))
    found = good.compute()
    assert found["ece"] < 0.01
    assert found["mean"] == pytest.approx(found["right"], abs=0.01)
    for at, figures in found["thresholds"].items():
        assert figures["kept"] == pytest.approx(1 - float(at), abs=0.01)
        assert figures["right"] == pytest.approx(figures["promised"], abs=0.01)
    vain = ConfidenceMetrics()
    vain.update(*maps((0.5 + sure / 2).tolist(), np.where(rng.random(sure.size) < sure, 0.0, 9.0).tolist()))
    assert vain.compute()["ece"] == pytest.approx(0.25, abs=0.01)


def test_figures_at_a_threshold_by_hand() -> None:
    metrics = ConfidenceMetrics()
    # A prediction that is no number is bad; the last pixel has no truth.
    confidence, disparity, truth, expected = maps([0.9, 0.9, 0.6, 0.2, 0.1, 1.0], [0.0, 5.0, 1.0, 7.0, np.nan, 0.0])
    truth[0, -1] = 0
    metrics.update(confidence, disparity, truth, expected)
    found = metrics.compute()
    assert found["right"] == pytest.approx(2 / 5)
    assert found["expected_error_px"] == pytest.approx(3)
    half = found["thresholds"]["0.5"]
    assert half["kept"] == pytest.approx(3 / 5)
    assert half["right"] == pytest.approx(2 / 3)
    assert half["promised"] == pytest.approx(0.8)
    assert half["found"] == pytest.approx(2 / 3)
    assert found["thresholds"]["0.95"] == {"kept": 0.0, "found": 1.0}
    assert sum(share for _, _, share in found["bins"]) == pytest.approx(1)
    twice = ConfidenceMetrics()
    twice.totals = metrics.totals * 2
    assert twice.compute() == found


def test_nothing_to_score() -> None:
    assert np.isnan(ConfidenceMetrics().compute()["ece"])
