"""Any shop's orders into one table: what holds them is looked at, decided, shown, or asked about; never guessed."""

from pipeline.orders.decide import Question, decide
from pipeline.orders.errors import NoMapping, NoSuchOrders, OrdersError, Undecided
from pipeline.orders.load import READING, Loaded, Warning, load, stop_where_lines_are_lost
from pipeline.orders.mapping import Mapping
from pipeline.orders.mapping import load as load_mapping
from pipeline.orders.reading import Reading
from pipeline.orders.report import Report, report
from pipeline.orders.source import Fingerprint, Source, find, fingerprint, is_file_of_orders, stop_where_changed

__all__ = [
    "READING",
    "Fingerprint",
    "Loaded",
    "Mapping",
    "NoMapping",
    "NoSuchOrders",
    "OrdersError",
    "Question",
    "Reading",
    "Report",
    "Source",
    "Undecided",
    "Warning",
    "decide",
    "find",
    "fingerprint",
    "is_file_of_orders",
    "load",
    "load_mapping",
    "report",
    "stop_where_changed",
    "stop_where_lines_are_lost",
]
