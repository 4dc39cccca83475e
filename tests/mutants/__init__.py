"""Deliberately broken servers and clients, which the scenarios must see: this tests the suite.

A mutant that somebody wrote is a small patch over the real programs. Lines before it say what
is broken and which promise of SPEC.md must see it (scenarios/promises.toml):

    What is broken, in a sentence.
    killed-by: S8.6
    control: bcm

A kill is the verdict `fail` of a scenario at that very promise, while another scenario passes: the
control, of another part, so that a program that does not even start kills nothing. `control` names
a scenario, or a part of which the quickest is taken; without the line it is log-in, where that is
another part.

Mutants that nobody wrote change one node of a source's syntax tree (sites.py). Those of
generated.toml are run too; --generate draws others.
"""
