"""What holds for every test."""

import signal

from hypothesis import settings

# A shell that starts a job in the background has it ignore SIGINT, and so would every program that
# a test starts, to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline for an example: these hosts are shared, and a slow moment is no fault of the code.
settings.register_profile("toom", deadline=None)
settings.load_profile("toom")
