"""The application: it introduces drivers, protocols and the simulated bench to each other."""

__version__ = "0.1.0"
