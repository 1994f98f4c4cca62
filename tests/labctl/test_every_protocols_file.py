"""A run of every protocol, opened by strangers: the right curve without being told, nothing missing in the tree."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray
from digit_files import write_digits, write_neuron
from nexusformat.nexus import nxload
from silx.io.nxdata import get_default

from labctl import classify, engine, registry
from labctl.validate import validate

#: Fewer points than a protocol's own defaults: what is tested is the file.
SHORT = {
    "ahe-loop": ["mu0_H_step=100Oe"],
    "demagnetize": ["I_step=4mA", "n_repeats=2"],
    "harmonic-hall": ["mu0_H_step=105Oe", "mu0_H_high=0Oe", "n_readings=1"],
    "minor-loops": ["I_max_list=12mA,24mA", "I_step=6mA"],
    "sigmoid-neuron": ["I_step=5mA", "n_cycles=1"],
    "sot-switching": ["I_step=7mA"],
    "stdp": ["dt_step=6ms", "n_repeats=1"],
}
PROTOCOLS = [*registry.installed("protocols"), *registry.installed("evaluations")]


class Stored(NamedTuple):
    """A run's file, and what the engine had in memory when it was written."""

    path: Path
    data: Mapping[str, Any]


def measured(name: str, folder: Path) -> Stored:
    request = engine.prepare(
        name, SHORT.get(name, []), station="sim", sample="alox-0.0", seed=1, output=folder / f"{name}.h5"
    )
    outcome = engine.run(request, lambda _rows: None, lambda _task: None)
    assert outcome.path is not None
    return Stored(outcome.path, outcome.data)


def classified(folder: Path) -> Stored:
    task = classify.prepare(
        [write_neuron(folder / "neuron.h5")], write_digits(folder / "digits"), scale_from=None, first_seed=1,
        n_seeds=1, epochs=2, output=folder / "classify.h5", jobs=1,
    )  # fmt: skip
    finished = classify.run(task, lambda _rows: None)
    return Stored(finished.path, finished.data)


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stored]:
    """A run by the name of its protocol, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("runs")
    return cache(lambda name: classified(folder) if name == "classify" else measured(name, folder))


@pytest.fixture(params=PROTOCOLS)
def run(request: pytest.FixtureRequest, run_of: Callable[[str], Stored]) -> Stored:
    return run_of(request.param)


def plotted(run: Stored) -> tuple[str, str]:
    """Signal and axis that the protocol itself declares."""
    method = registry.load_method(run.path.stem)
    return method.signal, method.axis


def test_nothing_is_missing_in_the_tree(run):
    """`labctl validate` walks the whole file and finds nothing."""
    verdict = validate(run.path)
    signal, axis = plotted(run)
    assert (verdict.holds, verdict.findings, verdict.unreadable) == (True, [], "")
    assert verdict.plot == f"{signal} against {axis}"


def test_h5py_reads_every_column_bit_by_bit(run):
    """What was measured is what any program reads, with unit and meaning beside it."""
    with h5py.File(run.path) as file:
        data = file["entry/data"]
        assert list(data) == list(run.data)
        for name, values in run.data.items():
            assert data[name][()].tobytes() == np.asarray(values).tobytes()
            assert data[name].attrs["units"]
            assert data[name].attrs["long_name"]


def test_xarray_opens_the_data_on_one_dimension(run):
    """open_dataset needs the path of the group only; the axis is the coordinate."""
    _, axis = plotted(run)
    with xarray.open_dataset(run.path, group="entry/data", engine="h5netcdf") as data:
        assert dict(data.sizes) == {axis: len(run.data[axis])}
        assert {*data.data_vars, axis} == run.data.keys()
        for name, values in run.data.items():
            assert data[name].values.tobytes() == np.asarray(values).tobytes()


def test_pandas_has_the_table_in_the_order_of_measurement(run):
    """h5py's columns are a DataFrame as they are."""
    with h5py.File(run.path) as file:
        table = pd.DataFrame({name: column[()] for name, column in file["entry/data"].items()})
    pd.testing.assert_frame_equal(table, pd.DataFrame(dict(run.data)))


def test_silx_shows_the_curve_that_the_protocol_is_about(run):
    """The default plot is signal against axis of the protocol, a curve with its own numbers."""
    signal, axis = plotted(run)
    with h5py.File(run.path) as file:
        plot = get_default(file)
        assert plot.is_curve
        assert (plot.signal_dataset_name, plot.axes_dataset_names) == (signal, [axis])
        np.testing.assert_array_equal(plot.signal[()], run.data[signal])
        np.testing.assert_array_equal(plot.axes[0][()], run.data[axis])


def test_nexusformat_finds_the_same_curve(run):
    """nxload(...).plottable_data is what silx shows, and the whole tree can be printed."""
    signal, axis = plotted(run)
    root = nxload(run.path)
    plot = root.plottable_data
    assert (plot.nxsignal.nxname, [found.nxname for found in plot.nxaxes]) == (signal, [axis])
    np.testing.assert_array_equal(plot.nxsignal.nxvalue, run.data[signal])
    assert axis in root.tree


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="h5dump (HDF5's own tools) is not installed")
def test_h5dump_prints_the_whole_file(run):
    """HDF5's own tool reads every byte of it."""
    done = subprocess.run(["h5dump", run.path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f'DATASET "{plotted(run)[0]}"' in done.stdout
