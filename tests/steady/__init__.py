"""`make steady`: the whole suite, again and again, on quiet and busy machines: no flake, no leak.

A run is clean when `toom run` ended with 0, each verdict is `pass`, and nothing of it is left:
no container, network, process, mount or temporary file. What is found belongs to a run by proof
alone (label, environment, ancestry, folder), since others may run the same programs meanwhile.
Results lie in `build/steady/<commit>/`; started again, it goes on where it stopped.
"""
