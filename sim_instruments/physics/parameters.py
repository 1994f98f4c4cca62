"""Every number of the sample's model: one frozen, validated set, with defaults by AlOx thickness."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np

from sim_instruments.physics.barriers import SPREAD_LIMIT
from sim_instruments.physics.constants import K_B, MICROMETRE, NANOMETRE, OERSTED

#: Model parameters over AlOx thickness. Li et al., Chin. Phys. B 31, 117106 (2022), give the trends (H_k falls with
#: t, reversal turns from one sharp step at t = 0 to gradual at t = 2 nm) and no numbers in the text: the columns
#: are fitted to these trends, which makes them our choice. A spread that grows with t stands for disorder from
#: interdiffusion at the Pt/AlOx interface.
_THICKNESS_NM: Final = (0.0, 0.5, 1.0, 1.5, 2.0)
_H_K_OE: Final = (2000.0, 1900.0, 1780.0, 1640.0, 1480.0)
_SIGMA_K: Final = (0.050, 0.070, 0.100, 0.135, 0.175)
_J_0_OE: Final = (52.0, 46.0, 38.0, 27.0, 10.0)

_POSITIVE: Final = (
    "mu0_H_k", "eta", "E_0", "mu0_H_k_E_0", "tau_0", "T_0", "T_c",
    "mu0_H_DL_per_J", "R_AHE", "R_xx", "width", "metal_thickness",
)  # fmt: skip
_NOT_NEGATIVE: Final = ("t_AlOx", "sigma_K", "mu0_J_0", "mu0_J_D", "mu0_H_D", "kappa", "beta", "r_FL")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleParameters:
    """The model's parameters in SI, fields as mu0*H in tesla. A value that cannot be raises ValueError.

    The stack is Ta(1)/Pt(5)/[Co(0.36)/Gd(0.34)]6/Pt(1)/AlOx(t), in nm, patterned to a 10 um wide Hall bar
    (Li et al., Chin. Phys. B 31, 117106 (2022), called "the paper" below). Use `for_thickness` to get a set.
    """

    #: Thickness of the AlOx cap (m); the name of the device, the model feels it only through the next three.
    t_AlOx: float
    #: Mean effective anisotropy field at T_0, demagnetizing field included (T).
    mu0_H_k: float
    #: Standard deviation of the patches' anisotropy fields over their mean (1).
    sigma_K: float
    #: Wall coupling in the mean field, without in-plane field (T).
    mu0_J_0: float
    #: Stray-field coupling in the mean field (T); our choice.
    mu0_J_D: float = 6.0 * OERSTED
    #: In-plane field that aligns half of the walls' Dzyaloshinskii-Moriya preference (T); our choice.
    mu0_H_D: float = 100.0 * OERSTED
    #: Nucleation field over anisotropy field (1); our choice.
    eta: float = 0.100
    #: Energy barrier (J) of a patch whose anisotropy field is mu0_H_k_E_0, at T_0 and without field;
    #: 600 k_B x 300 K is half of M_s H_k V for a patch 156 nm wide, M_s = 250 kA/m, d = 4.2 nm; our choice.
    E_0: float = 600.0 * K_B * 300.0
    #: Anisotropy field that E_0 refers to (T).
    mu0_H_k_E_0: float = 2000.0 * OERSTED
    #: Attempt time (s); about 1 ns is the usual value, quoted in the paper.
    tau_0: float = 1e-9
    #: Temperature without current (K).
    T_0: float = 300.0
    #: Temperature at which the anisotropy vanishes (K); our choice.
    T_c: float = 620.0
    #: Joule heating: temperature rise over current squared (K/A^2); 0.10 K/mA^2 (78 K at 28 mA) is an estimate for
    #: 100-300 nm SiO2 on Si; our choice.
    kappa: float = 1.0e5
    #: Damping-like field over current density (T m^2/A): 25 Oe per 1e7 A/cm^2, the paper's value at t = 0.
    mu0_H_DL_per_J: float = 2.5e-14
    #: Field-like over damping-like field (1), along +y for a positive current; the harmonic response shows it,
    #: switching does not; our choice.
    r_FL: float = 0.2
    #: Effective switching field over damping-like field of fully aligned walls (1).
    beta: float = math.pi / 2.0
    #: Which sign of I H_x favours +z: +1 or -1; -1 follows from the direction of the paper's minor loops.
    polarity: int = -1
    #: Half of the height of a saturated Hall loop (ohm); our choice.
    R_AHE: float = 0.40
    #: Planar Hall resistance (ohm), positive or negative; small near compensation; our choice.
    R_PHE: float = 0.04
    #: Offset of the Hall contacts (ohm), positive or negative; our choice.
    R_off: float = 0.05
    #: Anomalous Nernst voltage over current squared (V/A^2 = ohm/A) of a film magnetized along +x, from heat that
    #: flows off along z, positive or negative: 2e-6 ohm/mA looks like 0.4 % of the damping-like field; our choice.
    R_gradT_z: float = 2.0e-3
    #: The same of a film magnetized along +z, from heat that flows along the bar, positive or negative; our choice.
    R_gradT_x: float = 1.0e-3
    #: Two-terminal resistance of the bar (ohm), about 6 squares of 44 ohm; our choice.
    R_xx: float = 264.0
    #: Width of the bar (m); the paper's.
    width: float = 10.0 * MICROMETRE
    #: Thickness of all metal layers (m): 1 + 5 + 6 x 0.70 + 1 nm; the paper's.
    metal_thickness: float = 11.2 * NANOMETRE
    #: Number of switching patches in the Hall cross (64 x 64 of 156 nm in 10 um x 10 um); our choice.
    n_patches: int = 4096

    def __post_init__(self) -> None:
        for field in fields(self):
            if not math.isfinite(value := getattr(self, field.name)):
                raise ValueError(f"{field.name} must be finite; got {value!r}")
        for name in _POSITIVE:
            if not (value := getattr(self, name)) > 0.0:
                raise ValueError(f"{name} must be positive; got {value!r}")
        for name in _NOT_NEGATIVE:
            if not (value := getattr(self, name)) >= 0.0:
                raise ValueError(f"{name} must not be negative; got {value!r}")
        if not SPREAD_LIMIT * self.sigma_K < 1.0:
            raise ValueError(
                f"sigma_K must be below 1/3, or patches lose their easy axis; got {self.sigma_K!r}"
            )
        if not self.T_c > self.T_0:
            raise ValueError(f"T_c must be above T_0 = {self.T_0!r} K; got {self.T_c!r} K")
        if self.polarity not in (-1, 1):
            raise ValueError(f"polarity must be +1 or -1; got {self.polarity!r}")
        whole = isinstance(self.n_patches, int)  # pyright: ignore[reportUnnecessaryIsInstance]
        if not (whole and self.n_patches >= 1):
            raise ValueError(f"n_patches must be a whole number of at least 1; got {self.n_patches!r}")

    @classmethod
    def for_thickness(cls, t_AlOx: float, **overrides: Any) -> Self:
        """Return the parameters of the device with an AlOx cap of `t_AlOx` (m), 0 ... 2 nm.

        Between the five devices of the paper mu0_H_k, sigma_K and mu0_J_0 are interpolated linearly (our choice;
        monotone, and exact at 0, 0.5, 1, 1.5 and 2 nm). `overrides` replace single parameters by name (SI). A
        thickness out of range raises ValueError, an unknown name TypeError.
        """
        t_nm = t_AlOx / NANOMETRE
        first, last = _THICKNESS_NM[0], _THICKNESS_NM[-1]
        if not first <= t_nm <= last:
            raise ValueError(f"t_AlOx must be from {first:g} to {last:g} nm; got {t_nm:g} nm ({t_AlOx!r} m)")
        from_table: dict[str, Any] = {
            "t_AlOx": t_AlOx,
            "mu0_H_k": float(np.interp(t_nm, _THICKNESS_NM, _H_K_OE)) * OERSTED,
            "sigma_K": float(np.interp(t_nm, _THICKNESS_NM, _SIGMA_K)),
            "mu0_J_0": float(np.interp(t_nm, _THICKNESS_NM, _J_0_OE)) * OERSTED,
        }
        return cls(**(from_table | overrides))

    @property
    def area(self) -> float:
        """Cross-section of the metal that carries the current, width times metal thickness (m^2)."""
        return self.width * self.metal_thickness
