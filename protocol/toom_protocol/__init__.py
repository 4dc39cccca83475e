"""What both ends of a conference agree on: values, bytes and wording of log lines.

Pure: no sockets, threads, clocks, files, randomness or printing in this package (a test checks it).
"""
