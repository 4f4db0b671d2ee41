"""Makes statistics.json beside it: what SciPy and exact counting say about the board's statistics.

Run with Debian's SciPy: /usr/bin/python3 tests/LoraArena.Core.Tests/Fixtures/statistics.py
"""
import json
import os
from fractions import Fraction

import numpy as np
from scipy import stats

rng = np.random.default_rng(20)


def by_group(values, groups):
    names = list(dict.fromkeys(groups))
    return np.array([sum(v for v, g in zip(values, groups) if g == name) for name in names])


def sign_flip():
    cases = []
    for rows, size, shift in [(8, 1, 0.1), (12, 1, 0.3), (22, 2, 0.2), (30, 3, 0.05), (13, 1, 0.0)]:
        values = rng.normal(shift, 0.5, rows).round(6)
        groups = [f"g{i // size}" for i in range(rows)]
        totals = by_group(values, groups)
        p = stats.permutation_test((totals,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
        cases.append({"values": values.tolist(), "groups": groups, "p": float(p)})
    return cases


def counted():
    """Exact tail of the sum of ±n over many whole numbers, by counting arrangements in whole numbers."""
    cases = []
    for groups, largest, share in [(40, 400, 0.3), (60, 1000, 0.45), (200, 1000, 0.2), (60, 1000, 0.75), (400, 200, 0.05), (300, 300, 0.35), (300, 300, 0.5)]:
        totals = rng.integers(1, largest, groups)
        signs = np.where(rng.random(groups) < 0.5 + share / 2, 1, -1)
        observed = abs(int((totals * signs).sum()))
        span = int(totals.sum())
        counts = [0] * (2 * span + 1)
        counts[span] = 1
        low = high = span
        for n in totals.tolist():
            new = [0] * (2 * span + 1)
            for at in range(low, high + 1):
                if counts[at]:
                    new[at + n] += counts[at]
                    new[at - n] += counts[at]
            counts, low, high = new, low - n, high + n
        # Half of the arrangements that hit the observed sum exactly: the saddlepoint formula knows no steps.
        above = sum(counts[span + observed + 1:]) + Fraction(counts[span + observed], 2)
        cases.append({"totals": (totals * signs).tolist(), "p": float(2 * above / Fraction(2) ** groups)})
    return cases


def welch():
    cases = []
    for a, b in [(3, 3), (2, 5), (4, 3)]:
        x, y = rng.normal(0.95, 0.004, a), rng.normal(0.957, 0.002, b)
        p = stats.ttest_ind(x, y, equal_var=False).pvalue
        va, vb = x.var(ddof=1) / a, y.var(ddof=1) / b
        freedom = (va + vb) ** 2 / (va ** 2 / (a - 1) + vb ** 2 / (b - 1))
        half = stats.t.ppf(0.975, freedom) * np.sqrt(va + vb)
        difference = x.mean() - y.mean()
        cases.append({"first": x.tolist(), "second": y.tolist(), "p": float(p), "low": float(difference - half), "high": float(difference + half)})
    return cases


def noncentral():
    return [{"critical": c, "freedom": f, "shift": s, "p": float(stats.nct.sf(c, f, s))}
            for c, f, s in [(2.776, 4, 3.0), (2.776, 4, 0.5), (4.303, 2, 5.0), (2.228, 10, 2.8), (3.0, 40, 3.4), (12.7, 1, 9.0), (2.0, 300, 2.5)]]


def calibration():
    p = rng.dirichlet([2, 2, 1], 200)
    winners = [int(rng.choice(3, p=row)) for row in p]
    confidence, correct = p.max(axis=1), (p.argmax(axis=1) == np.array(winners)).astype(float)
    # Bins (k/15, (k+1)/15], counted by SciPy.
    edges = np.linspace(0, 1, 16)
    bins = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, 14)
    gap = stats.binned_statistic(bins, correct - confidence, "sum", bins=np.arange(16) - 0.5).statistic
    return {"probabilities": p.tolist(), "winners": winners, "ece": float(np.abs(gap).sum() / len(p))}


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "statistics.json"), "w") as file:
    json.dump({"sign_flip": sign_flip(), "counted": counted(), "welch": welch(), "noncentral": noncentral(), "calibration": calibration()}, file)
