"""Figures of runs as the field's journals print them: each protocol's own, overlays, or columns that a person names."""

from labctl.figures.columns import choice
from labctl.figures.drawing import Picture, check_format, drawn, free_name, overlay, save
from labctl.figures.runs import (
    draw_beside,
    draw_classified,
    draw_files,
    draw_prediction,
    of_run,
    pictures_of,
    stored_picture,
)
from labctl.figures.style import COLOURS, image, styled

__all__ = [
    "COLOURS",
    "Picture",
    "check_format",
    "choice",
    "draw_beside",
    "draw_classified",
    "draw_files",
    "draw_prediction",
    "drawn",
    "free_name",
    "image",
    "of_run",
    "overlay",
    "pictures_of",
    "save",
    "stored_picture",
    "styled",
]
