"""The model once more, as plainly as it can be written: every patch, every exponential, every number, no memory.

In the units of the paper's figures (Oe, mA, K, s), independent of the package under test. It follows the same
conventions: anisotropy sorted in ascending order, one number per patch and counted step, SplitMix64 by counter.
"""

import math

import numpy as np

MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15
H_K = {0.0: 2000.0, 0.5: 1900.0, 1.0: 1780.0, 1.5: 1640.0, 2.0: 1480.0}
SIGMA = {0.0: 0.050, 0.5: 0.070, 1.0: 0.100, 1.5: 0.135, 2.0: 0.175}
J0 = {0.0: 52.0, 0.5: 46.0, 1.0: 38.0, 1.5: 27.0, 2.0: 10.0}
HD, ETA, TAU0, T0, TC, KAPPA = 100.0, 0.1, 1e-9, 300.0, 620.0, 0.10
OE_PER_MA = 25.0 / 1e7 * 1e-3 / (10e-4 * 11.2e-7)  # 25 Oe per 1e7 A/cm2 in 10 um x 11.2 nm: 2.232 Oe/mA


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def uniform(seed, step, patch, n_patches):
    """One number in (0, 1): the top 52 bits of SplitMix64 at position step * N + patch + 1, plus one half."""
    key = mix((seed + GAMMA) & MASK)
    z = mix((key + (step * n_patches + patch + 1) * GAMMA) & MASK)
    return ((z >> 12) + 0.5) / 2**52


class ReferenceSample:
    """State `up`, counter `steps`, one method that steps and one that reads."""

    def __init__(self, t_nm, n_patches, device_seed, thermal_seed, up=True, JD=6.0, E0=600.0):
        z = np.clip(np.random.default_rng(device_seed).standard_normal(n_patches), -3.0, 3.0)
        self.t = t_nm
        self.JD = JD
        self.E0 = E0
        self.n = n_patches
        self.Hk = np.sort(H_K[t_nm] * (1 + SIGMA[t_nm] * z))
        self.seed = thermal_seed
        self.up = np.full(n_patches, up)
        self.steps = 0

    def drive(self, I_mA, H_Oe):
        """E, g, H_n and J at a current, and the field along z without J m."""
        Hx, Hy, Hz = H_Oe
        T = T0 + KAPPA * I_mA**2
        k = max((TC - T) / (TC - T0), 1e-3)
        Hin = math.hypot(Hx, Hy)
        Hk = k * self.Hk
        g = np.maximum(1 - Hin / Hk, 0)
        Hn = ETA * Hk
        E = self.E0 * (Hk / 2000) * (300 / T)
        Hs = 0.0 if Hx == 0 else -(math.pi / 2) * OE_PER_MA * I_mA * Hx / math.hypot(Hx, HD)
        b = min(Hin / (k * H_K[self.t]), 1)
        J = J0[self.t] * (math.sqrt(1 - b * b) - b * math.acos(b)) - self.JD * math.sqrt(1 - b * b)
        if T >= TC:
            J = 0.0
        return E, g, Hn, J, Hz + Hs

    def advance(self, I_mA, H_Oe, dt):
        return self.advance_periods([(I_mA, dt)], H_Oe, 1)

    def advance_periods(self, steps, H_Oe, n):
        """All rates of n periods of (mA, s) steps added up; with one step and n = 1 it is a constant drive."""
        drives = [(*self.drive(I_mA, H_Oe), n * dt / TAU0) for I_mA, dt in steps]

        def rates(m):
            up, down = np.zeros(self.n), np.zeros(self.n)
            for E, g, Hn, J, Hz, attempts in drives:
                h = (Hz + J * m) / Hn
                up += attempts * np.exp(-E * np.maximum(g + h, 0) ** 2)
                down += attempts * np.exp(-E * np.maximum(g - h, 0) ** 2)
            return up, down

        opposing = any(J < 0 for _, _, _, J, _, _ in drives)
        before = self.up
        if not np.any(np.where(before, *rates(2 * before.mean() - 1)) >= 2.0**-53):
            return False
        u = np.array([uniform(self.seed, self.steps, i, self.n) for i in range(self.n)])
        self.steps += 1
        count = n_up = before.sum()
        after = before
        for _ in range(300):
            r_up, r_down = rates(2 * n_up / self.n - 1)
            both = np.maximum(r_up + r_down, 5e-324)
            settled = r_down / both
            after = u < settled + (before - settled) * np.exp(-(r_up + r_down))
            # Where both rates underflow nothing can move, and the quotient above means nothing.
            after = np.where(r_up + r_down > 0, after, before)
            if after.sum() == count:
                break
            n_up = (count + after.sum()) / 2 if opposing else after.sum()
            count = after.sum()
        self.up = after
        return bool(np.any(after != before))

    def read(self, H_Oe):
        Hx, Hy, Hz = H_Oe
        Hin = math.hypot(Hx, Hy)
        s = np.where(self.up, 1.0, -1.0)
        mz = s * np.sqrt(np.maximum(1 - (Hin / (self.Hk + s * Hz)) ** 2, 0))
        phi = math.atan2(Hy, Hx)
        return 0.40 * mz.mean() + 0.04 * (1 - mz**2).mean() * math.sin(2 * phi) + 0.05
