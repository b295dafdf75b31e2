"""Pickles a model by value, as a notebook does: `python notebook.py model.dill`; runs under Python 3.6 too.

`data/python36.dill` was made by this script under Python 3.6.15 with dill 0.2.7.1 and numpy 1.14.0.
"""

import sys

import dill
import numpy as np


class Model:
    """Adds the features up, with a loop, a branch and a handled error, which differ in the bytecode of each Python."""

    def predict(self, x):
        total = np.zeros(len(x))
        for column in range(x.shape[1]):
            try:
                total += x[:, column] if column is not None else {}[column]
            except KeyError:
                break
        return total


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        dill.dump(Model(), file)
