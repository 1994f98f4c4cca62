"""Data sheets: one instrument model, one file, over PyVISA; no driver knows a protocol or a simulator."""
