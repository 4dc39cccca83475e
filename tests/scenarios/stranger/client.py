# ruff: noqa: T201
"""A stranger's client: it needs no server, and leaves each reply on the prompt's own line."""

import getpass
import sys

PROMPT = "Enter one of the following commands (BCM, ATU, SRB, SRM, RDM, OUT, UPD): "

user = input("Username: ")
getpass.getpass("Password: ", sys.stdout)
print("Welcome to TOOM!")
while True:
    command = input(PROMPT)
    if command == "OUT":
        print(f"Bye, {user}!")
        break
    print("no other active user")
