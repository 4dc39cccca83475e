"""What travels into each host and does there what the runner asks.

A folder is a rule: these modules import Python's own library and each other, nothing else, and
little of that, since every host loads them (see boot.py, which sends them).
"""
