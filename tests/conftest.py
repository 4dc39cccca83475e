"""What holds for every test."""

from hypothesis import settings

# No deadline for an example: these hosts are shared, and a slow moment is no fault of the code.
settings.register_profile("toom", deadline=None)
settings.load_profile("toom")
