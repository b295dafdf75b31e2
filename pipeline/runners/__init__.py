"""What runs the models: DuckDB in the build file, or Apache Spark; a build knows them by the same few methods."""
