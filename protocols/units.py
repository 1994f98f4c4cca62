"""Units as multipliers: inside labctl every number is SI, and a field is mu0*H in tesla."""

from typing import Final

T: Final = 1.0
mT: Final = 1e-3
Oe: Final = 1e-4  # mu0 * 1 Oe, exact by the definition of the oersted as a unit of mu0*H
A: Final = 1.0
mA: Final = 1e-3
uA: Final = 1e-6
V: Final = 1.0
mV: Final = 1e-3
uV: Final = 1e-6
s: Final = 1.0
ms: Final = 1e-3
us: Final = 1e-6
ohm: Final = 1.0
nm: Final = 1e-9
