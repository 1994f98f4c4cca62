"""Arrays in, numbers out: the analysis behind each protocol's results."""
