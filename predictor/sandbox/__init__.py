"""Runs a pickled model in a child process, in any Python, inside a box; knows nothing of what is predicted."""
