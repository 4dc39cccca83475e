"""A file from a presenter to an audience over UDP, as engines without I/O (PROTOCOL 5).

Belongs here: numbers, times and bytes. Does not: sockets, files, clocks, threads, randomness,
wording; those are in toom_client. Read in this order: packets, frames, noise, hello, sealing, tree
(the bytes); ranges, chunks, timing, recovery, congestion (the parts); presenter, audience (the
engines).
"""
