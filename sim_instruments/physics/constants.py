"""Constants of nature and of the model's bookkeeping, in SI."""

from typing import Final

#: Boltzmann constant (J/K), exact since the SI of 2019 (BIPM, SI Brochure, 9th ed., 2019).
K_B: Final = 1.380649e-23
#: mu0 * 1 Oe (T), exact.
OERSTED: Final = 1e-4
NANOMETRE: Final = 1e-9
MICROMETRE: Final = 1e-6
