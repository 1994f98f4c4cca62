"""The whole paper on the simulated bench: runs, claims, the runs that must fail, and a report."""
