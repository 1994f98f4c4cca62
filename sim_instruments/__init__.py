"""A room with a sample in it: simulated instruments that answer on the wire, and the physics they look at."""
