"""`toom bench transfer`: a file from one terminal to another, against others on the same path.

cases.py     which paths there are, who runs on them, and the goals
course.py    two hosts, a server and a file; ours is driven through its terminals
ends.py      our small programs at the two ends of a peer: TCP, TLS 1.3, QUIC of aioquic
peers.py     the peers, and which of them are installed
flows.py     several at once, and what each gets
rounds.py    interleaved rounds, each on its path
runs.py      what a run has come to, and the rows of a case
plot.py      a picture of the rows
"""
