"""From what a file says and a mapping states to one reading of the orders, or to questions for a person.

Formats are decided by all values of a sample of the files: one is used only where no other fits them too. What the
sample has not seen is held against the decision when the orders are loaded, and decided anew with it; see load.py.
"""

from pipeline.orders.decide.decision import decide, propose
from pipeline.orders.decide.questions import Question

__all__ = ["Question", "decide", "propose"]
