"""Why dbt stopped, in one or two plain lines: what is wrong, where, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

import predictor
from pipeline.engines.duckdb_messages import disk_is_full, memory_is_full, plain
from pipeline.engines.duckdb_settings import more_memory
from pipeline.errors import ClvError, DiskFull
from pipeline.events import Warned
from pipeline.settings import Settings, command_line
from pipeline.warehouse.folder import Warehouse

Ask = Callable[[str], list[tuple[Any, ...]]]  # the rows of a query, from the engine that ran the models


def explain(
    result: Any,
    settings: Settings,
    warehouse: Warehouse,
    log: Path,
    ask: Ask,
    command: str = "build",
    warned: Sequence[Warned] = (),
) -> ClvError:
    """What to raise for a dbtRunnerResult that is no success; what was `warned` of before may be the reason."""
    failed = [r for r in result.result.results if r.status in ("error", "fail")] if result.result else []
    texts = [str(r.message) for r in failed] + [str(result.exception or "")]
    if any(map(disk_is_full, texts)):
        return DiskFull(settings.warehouse)
    if any(map(memory_is_full, texts)):
        return _too_little_memory(command, settings)
    if not failed:
        return ClvError(f"dbt could not start: {plain(texts[-1])} See {log}.")
    reasons = [_explain_node(each, settings, warehouse, log, ask) for each in failed]
    return ClvError("\n".join([*reasons, *(f"Warning: {each.text}." for each in warned)]))


def _explain_node(failed: Any, settings: Settings, warehouse: Warehouse, log: Path, ask: Ask) -> str:
    node, meta, message = failed.node, failed.node.config.meta, str(failed.message)
    if failed.status == "fail":
        match meta.get("code"):
            case "rejected_lines" | "no_usable_line":
                return _unusable_lines(settings, warehouse)
            case "as_of_before_first_order":
                return _too_early(settings, warehouse)
        if found := warning(failed, ask):
            return f"{found.text}."
        rows = "1 row fails" if failed.failures == 1 else f"{failed.failures} rows fail"
        return f"The test {node.name} fails: {rows}. See what it asks in {node.original_file_path}, and {log}."
    return f"{node.resource_type} {node.name} failed: {plain(message)} See {log}."


def warning(result: Any, ask: Ask) -> Warned | None:
    """What a test has found, in the words of its meta; None for other results."""
    meta = result.node.config.meta
    if result.status not in ("warn", "fail") or "message" not in meta:
        return None
    text = meta["message"].replace("{n}", f"{result.failures:,}")
    figures: dict[str, float | str] = {"n": result.failures}
    if "{examples}" in text:
        figures["examples"] = shown = _examples(result, ask)
        text = text.replace("{examples}", shown)
    return Warned(meta["code"], text, figures)


def _examples(result: Any, ask: Ask) -> str:
    """The first two of what a test has found, from its own query's column `example`."""
    found = ask(f"select cast(example as string) from ({result.node.compiled_code}) as found limit 2")
    return ", ".join(example for (example,) in found)


def _too_little_memory(command: str, settings: Settings) -> ClvError:
    return ClvError(
        f"MEMORY={settings.memory} is too little for these orders. "
        f"Give them more: {command_line(command, settings, MEMORY=more_memory(settings.memory))}"
    )


def _too_early(settings: Settings, warehouse: Warehouse) -> str:
    with warehouse.read(warehouse.build_file) as build:
        first, last = build.sql("select min(created_at_date), max(created_at_date) from stg_orders").fetchall()[0]
    return (
        f"AS_OF={settings.as_of} is before the first order: {settings.orders} has orders from {first} to {last}. "
        "Choose a day from then on."
    )


def _unusable_lines(settings: Settings, warehouse: Warehouse) -> str:
    with warehouse.read(warehouse.build_file) as build:
        used = build.sql("select count(*) from stg_orders").fetchall()[0][0]
        reasons = rejected_by_reason(build)
    lines = used + sum(count for _, count, _ in reasons)
    if not lines:
        return f"{settings.orders} has no order lines."
    reasons = [each for each in reasons if each[0] != "left_out"]
    rejected = sum(count for _, count, _ in reasons)
    share = rejected / lines
    text = [
        f"{rejected:,} of {lines:,} lines of {settings.orders} cannot be used ({share:.1%}; "
        f"MAX_REJECTED={settings.max_rejected:g} allows {settings.max_rejected:.3g} of all):"
    ]
    for reason, count, examples in reasons:
        text.append(f"  {count:>9,}  {reason}")
        text += [f"{'':>13}{example}" for example in examples]
    if rejected == lines:
        text.append("No line is left to build from. Mend the file and build again.")
    else:
        allowed = next(a for a in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if a >= share)
        text.append(
            f"Mend the file, or go on without these lines: {command_line('build', settings, MAX_REJECTED=allowed)}"
        )
    return "\n".join(text)


def rejected_by_reason(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int, list[str]]]:
    """(reason, how many lines, two examples of them), most frequent first."""
    return connection.execute(
        """
        select
            reason,
            count(*) as lines,
            list(
                coalesce(source_file || ', ', '') || 'line ' || line_number || ': '
                || left(replace(raw_text, chr(10), ' '), 80)
                order by source_file, line_number
            )[:2]
        from rejected_orders
        group by reason
        order by lines desc, reason
        """
    ).fetchall()


@contextmanager
def plain_errors(command: str, settings: Settings) -> Iterator[None]:
    """Raises ClvError for what the model and the machine can put in the way."""
    try:
        yield
    except predictor.ModelError as error:
        advice = predictor.advice(
            error,
            settings.predictor,
            lambda name, **changed: command_line(name or command, settings, **changed),
        )
        raise ClvError("\n".join(filter(None, (str(error), advice)))) from error
    except ClvError as error:
        if disk_is_full(str(error)):  # what reads the orders writes them too
            raise DiskFull(settings.warehouse) from error
        raise
    except (OSError, duckdb.Error) as error:
        if disk_is_full(str(error)):
            raise DiskFull(settings.warehouse) from error
        if memory_is_full(str(error)):
            raise _too_little_memory(command, settings) from error
        if isinstance(error, duckdb.Error):
            raise ClvError(f"DuckDB could not go on: {str(error).splitlines()[0]}") from error
        raise ClvError(
            f"Cannot write to {error.filename or settings.warehouse}: {error.strerror}. "
            "Give this user the right to, or choose another place."
        ) from error
