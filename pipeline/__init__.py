"""One build from start to end: check the input, run dbt, audit, publish, report."""
