"""Why dbt stopped, in one or two plain lines: what is wrong, where, and what to do next."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import duckdb

from pipeline.errors import ClvError, DiskFull
from pipeline.settings import Settings, command_line

DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|failed to offload data block|max_temp_directory")


def explain(result, settings: Settings, build_file: Path, log: Path) -> ClvError:
    """What to raise for a dbtRunnerResult that is no success."""
    failed = [r for r in result.result.results if r.status in ("error", "fail")] if result.result else []
    texts = [str(r.message) for r in failed] + [str(result.exception or "")]
    if any(map(DISK_FULL.search, texts)):
        return DiskFull(settings.warehouse)
    if not failed:
        return ClvError(f"dbt could not start: {_first_lines(texts[-1])} See {log}.")
    return ClvError("\n".join(_explain_node(r, settings, build_file, log) for r in failed))


def _explain_node(failed, settings: Settings, build_file: Path, log: Path) -> str:
    name, message = failed.node.name, str(failed.message)
    if failed.node.config.meta.get("reader") == "orders":
        return _readers_words(message)
    if name == "rejected_lines_are_few" or name.startswith("row_exists_stg_orders"):
        return _unusable_lines(settings, build_file)
    if name.startswith("row_exists_int_as_of"):
        return _too_early(settings, build_file)
    if said := oddity(failed):
        return f"Stopped, because STRICT=1: {said}."
    if failed.node.resource_type == "test" and failed.status == "fail":
        rows = "1 row fails" if failed.failures == 1 else f"{failed.failures} rows fail"
        return f"The test {name} fails: {rows}. See what it asks in {failed.node.original_file_path}, and {log}."
    return f"{failed.node.resource_type} {name} failed: {_first_lines(message)} See {log}."


def oddity(result) -> str:
    """What a test says of something that is odd but breaks no contract; nothing for other results."""
    if result.status not in ("warn", "fail") or "message" not in result.node.config.meta:
        return ""
    return result.node.config.meta["message"].replace("{n}", f"{result.failures:,}")


def _readers_words(message: str) -> str:
    """The words of the reader of orders, which are for people, without dbt's frame around them."""
    lines = message.splitlines()
    if lines and re.match(r"\w+ Error in ", lines[0].strip()):
        lines = lines[1:]
    end = next(
        (i for i, each in enumerate(lines) if each.strip().startswith(("> in ", "compiled code at"))), len(lines)
    )
    return textwrap.dedent("\n".join(lines[:end])).strip()


def _first_lines(message: str) -> str:
    """dbt's message without its frame: `… Error in seed orders (seeds/orders.csv)`, `> in macro …`."""
    lines = [line.strip() for line in message.splitlines()]
    if lines and re.match(r"\w+ Error in ", lines[0]):
        lines = lines[1:]
    kept = []
    for line in lines:
        if not line or line.startswith(("> in ", "> called by", "compiled code at", "LINE ", "Possible")):
            break
        kept.append(line)
    return " ".join(kept[:3])


def _too_early(settings: Settings, build_file: Path) -> str:
    with duckdb.connect(build_file, read_only=True) as build:
        first, last = build.sql("select first_order_date, last_order_date from int_as_of").fetchall()[0]
    return (
        f"AS_OF={settings.as_of} is before the first order: {settings.orders} has orders from {first} to {last}. "
        "Choose a day from then on."
    )


def _unusable_lines(settings: Settings, build_file: Path) -> str:
    with duckdb.connect(build_file, read_only=True) as build:
        lines = build.sql("select count(*) from orders").fetchall()[0][0]
        reasons = rejected_by_reason(build)
    if not lines:
        return f"{settings.orders} has no order lines: nothing follows the line that names the columns."
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
