"""The conference server: TCP in, log files out.

`conference`, `accounts` and `doorkeeper` are pure rules; `store` and `log_file` keep what must
last; `hub` and `connection` are the shell; `app` puts them together.
"""
