"""What Li et al., Chin. Phys. B 31, 117106 (2022) claim, figure by figure, and how each claim could fail."""
