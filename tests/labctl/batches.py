"""What tests of batches share: two small batches, one of which fails, and what they leave in their folder."""

import json
import signal
from pathlib import Path
from typing import Any

BATCH = """
name = "series"
sample = "alox-0.0"
seed = 5
[[run]]
label = "loop"
protocol = "ahe-loop"
parameters = { mu0_H_step = "100 Oe", settle = "0 s" }
[[run]]
protocol = "sot-switching"
parameters = { I_step = "14 mA", settle = "0 s", preparation = "reset", R_AHE_reference = "@loop" }
sweep = { mu0_H_x = { start = "600 Oe", stop = "800 Oe", step = "100 Oe" } }
"""

FAULTY = """
[[run]]
label = "loop"
protocol = "ahe-loop"
sample = "odd.toml"
parameters = { mu0_H_step = "100 Oe", settle = "0 s" }
[[run]]
protocol = "sot-switching"
sample = "odd.toml"
parameters = { I_step = "14 mA", R_AHE_reference = "@loop" }
[[run]]
protocol = "ahe-loop"
sample = "alox-0.0"
parameters = { mu0_H_step = "100 Oe", settle = "0 s" }
"""


def folder_of(tmp_path: Path) -> Path:
    """The folder of the only batch there is."""
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    """The bytes of every run of a batch."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.h5"))}


def ledger_of(folder: Path) -> list[dict[str, Any]]:
    """The lines of the ledger of a batch."""
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]


def stop() -> None:
    """What Ctrl-C does."""
    signal.raise_signal(signal.SIGINT)
