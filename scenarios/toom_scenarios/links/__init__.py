"""Emulated links with real packets, for kernels that have no netem as well.

description.py   what a link is to do: values
engine.c         what becomes of one packet: pure, with the time as an argument
emulator.c       TUN devices, the clock and the loop; wire.c and flows.c are its memory
emulator.py      that program, compiled and run in a stage
counters.py      what it counted
path.py          a link between two hosts of a local stage, for as long as it is wanted
probe.py         what an idle link really does, measured before it is believed
"""
