"""Expected values of the length baseline, from scikit-learn.

Writes length_baseline.json beside this script: answer lengths with winners to train on, and the probabilities that
scikit-learn's multinomial LogisticRegression gives to other lengths, trained on both orders of each row and averaged
over both orders of each prediction.
"""
import json
import pathlib

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

SEED = 20240607
SWAPPED = np.array([1, 0, 2])


def features(a, b):
    r = np.log((1.0 + a) / (1.0 + b))
    return np.stack([r, np.abs(r), r * r], axis=1)


def main():
    random = np.random.default_rng(SEED)
    a, b = random.integers(0, 900, 80), random.integers(0, 900, 80)
    r = np.log((1.0 + a) / (1.0 + b))
    scores = np.stack([0.8 * r, -0.8 * r, 0.4 - 0.7 * np.abs(r)], axis=1)
    winners = (scores + random.gumbel(size=scores.shape)).argmax(axis=1)

    model = LogisticRegression(C=1.0, multi_class="multinomial", solver="newton-cg", tol=1e-12, max_iter=10000)
    model.fit(np.concatenate([features(a, b), features(b, a)]), np.concatenate([winners, SWAPPED[winners]]))
    probe_a, probe_b = np.array([0, 0, 5, 100, 100, 899, 3000]), np.array([0, 500, 4, 100, 250, 1, 10])
    p = (model.predict_proba(features(probe_a, probe_b)) + model.predict_proba(features(probe_b, probe_a))[:, SWAPPED]) / 2
    output = {
        "made_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, seed {SEED}",
        "train": [[int(x), int(y), int(w)] for x, y, w in zip(a, b, winners)],
        "probes": [[int(x), int(y)] for x, y in zip(probe_a, probe_b)],
        "probabilities": p.tolist(),
    }
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(output) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
