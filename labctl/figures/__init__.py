"""Figures of runs as the field's journals print them: each protocol's own, overlays, or two columns by name."""

from labctl.figures.columns import Choice, choice, plain
from labctl.figures.drawing import Picture, check_format, drawn, free_name, overlay, save
from labctl.figures.labels import labels
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
    "Choice",
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
    "labels",
    "of_run",
    "overlay",
    "pictures_of",
    "plain",
    "save",
    "stored_picture",
    "styled",
]
