"""Deliberately broken servers and clients, which the scenarios must see: this tests the suite.

A mutant is a small patch over the real programs. Lines before the patch say what is broken and who
must see it:

    What is broken, in a sentence.
    killed-by: broadcasts_are_logged
    control: log_in_and_out

`killed-by` names the scenario whose verdict must be `fail`; `control`, of another part, must pass,
so that a program that does not even start kills nothing.
"""
