"""Seeing a run while it goes on: followed from another process, drawn in a terminal, shown in a browser."""
