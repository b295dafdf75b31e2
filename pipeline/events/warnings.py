"""What becomes of a warning: it is shown and kept, or stops a strict command; or it is silenced by its code."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pipeline.errors import ClvError
from pipeline.events import Listener, Warned

CODES = (
    # of how the orders are read
    "lines_in_several_files", "amounts_not_taken_off", "shortened_ids", "no_money", "returns_that_add",
    "refunds_left_out",
    # of the orders themselves
    "shared_order_ids", "ids_alike", "improbable_share", "orders_decades_apart", "repeated_lines",
    "as_of_in_the_future",
    # beside the last build
    "as_of_before_last_build", "orders_begin_after_last_build", "customers_missing", "customers_changed",
    "value_changed", "published_file_gone", "published_file_damaged", "history_from_another_file", "history_lost",
    "history_dates_lost", "history_dates_from_build_before", "another_duckdb",
    # of the model
    "box_walls_missing", "model_of_other_orders", "model_knows_later_orders", "model_answers_classes",
    "model_answers_negative", "model_answers_high",
    # of a training
    "few_come_back", "purchases_at_regular_intervals", "test_without_revenue", "far_off_in_its_test",
)  # fmt: skip


class Warnings:
    """Those of one command, in the order in which they came."""

    def __init__(self, silenced: Sequence[str], strict: bool, listener: Listener):
        self._silenced, self._strict, self._listener = silenced, strict, listener
        self.found: list[Warned] = []

    def add(self, *warnings: Warned) -> None:
        """Raises ClvError where the command is strict. What is silenced is as if it were not there."""
        for each in warnings:
            if self._strict and each.code not in self._silenced:
                raise ClvError(f"Stopped, because STRICT=1: {each.text.rstrip('.')}.")
            self.tell(each)

    def tell(self, *warnings: Warned) -> None:
        """As `add`, where a command stops for another reason already."""
        for each in warnings:
            if each.code not in self._silenced:
                self.found.append(each)
                self._listener(each)


def stop_at_unknown_codes(silenced: Sequence[str], where: object) -> None:
    """Raises ClvError with the nearest where there is no such warning: it would be silenced in vain."""
    for code in silenced:
        if code not in CODES:
            (near,) = difflib.get_close_matches(code, CODES, 1, 0)
            raise ClvError(f"{where}: silence: there is no warning {code}. Is {near} meant? All: {', '.join(CODES)}.")
