#!/usr/bin/env python3
"""Print the Fréchet distances that frechet_test.go expects, computed with scipy.linalg.sqrtm.

The feature sets are whole-number lattices which the test builds again, so no data is needed:

    a[i, j] = ((37 i + 101 j + 13 i j) mod 257) / 64         i < n
    b[i, j] = ((53 i + 71 j + 29 i j + 11) mod 251) / 80
"""
import numpy as np
from scipy import linalg


def lattice(n, d, p, q, r, s, modulus, scale):
    """Return the [n, d] features ((p i + q j + r i j + s) mod modulus) / scale."""
    i, j = np.arange(n)[:, None], np.arange(d)[None, :]
    return ((p * i + q * j + r * i * j + s) % modulus / scale).astype(np.float32).astype(np.float64)


def frechet(a, b):
    """Return |mu1-mu2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); C1 C2 has the root's trace of
    C1^1/2 C2 C1^1/2, to which it is similar."""
    c1, c2 = np.cov(a.T), np.cov(b.T)
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c1 + c2 - 2 * linalg.sqrtm(c1 @ c2).real)


for n, m, d in ((40, 50, 3), (300, 211, 16), (500, 400, 64)):
    a = lattice(n, d, 37, 101, 13, 0, 257, 64)
    b = lattice(m, d, 53, 71, 29, 11, 251, 80)
    print(f"{{{n}, {m}, {d}, {float(frechet(a, b))!r}}},")
