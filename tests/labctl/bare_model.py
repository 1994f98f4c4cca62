"""Sample files for tests, and the plain reference of the model that the tests of the physics keep."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "sim_instruments" / "physics"))


def write_sample(folder: Path, t_nm: float, *, seed: int = 5, **model: str) -> str:
    """Write a sample file with some parameters of the model set; return its path."""
    lines = "\n".join(f'{name} = "{value}"' for name, value in model.items())
    path = folder / f"device-{t_nm}-{seed}.toml"
    path.write_text(
        f'name = "device"\nt_AlOx = "{t_nm} nm"\ndevice_seed = {seed}\n[model]\n{lines}\n', encoding="utf-8"
    )
    return str(path)
