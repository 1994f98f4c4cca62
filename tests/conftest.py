"""What all tests share: hypothesis draws the same examples every time, and a busy machine fails nobody."""

from hypothesis import settings

settings.register_profile("labctl", deadline=None, derandomize=True)
settings.load_profile("labctl")
