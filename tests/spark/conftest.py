"""Without Java or Spark these tests are skipped: neither belongs to what a build needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.commands.extras import stop_unless_installed
from pipeline.errors import ClvError
from pipeline.runners.spark_session import stop_without_java


@pytest.fixture(scope="session", autouse=True)
def spark_can_run() -> Iterator[None]:
    try:
        stop_without_java()
        stop_unless_installed("spark")
    except ClvError as missing:
        pytest.skip(str(missing))
    with pytest.MonkeyPatch.context() as patch:
        # The quick compiler alone pays for runs as short as these, but keeps a fifth of the usual room for its code.
        options = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
        # Derby, which stands in for a database, would write its log into the folder that the tests are run in.
        patch.setenv("JAVA_TOOL_OPTIONS", f"{options} -Dderby.stream.error.file=/dev/null")
        yield
