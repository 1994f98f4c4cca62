"""The simulated sample: spin-orbit torque, thermally activated switching and Hall readout of a [Co/Gd]6 bar."""
