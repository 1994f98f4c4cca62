"""The guide to adding a protocol: the protocol printed there is complete and measures."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from scripted_lab import ScriptedLab

import protocols

README = Path(protocols.__file__).with_name("README.md")


def test_the_protocol_in_the_readme_runs_as_printed():
    """Copied into a module, it yields the rows it announces and analyses them."""
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    module = {"__doc__": "Drift"}
    exec(compile(textwrap.dedent(block), str(README), "exec"), module)  # noqa: S102
    protocol = module["protocol"]
    p = protocol.parameters(n_readings=5)
    rows = list(protocol.measure(ScriptedLab(emf=1e-3), p))
    assert len(rows) == protocol.n_rows(p) == 5
    data = {column.name: np.array([row[column.name] for row in rows]) for column in protocol.columns}
    assert protocol.analyse(data, p).results["R_xy"].value == pytest.approx(-0.35)
