"""Orders that are elsewhere, in a database or an object store: brought here as files that `pipeline.orders` reads."""

from pipeline.sources.copies import Copy, RowsOf, copy_of

__all__ = ["Copy", "RowsOf", "copy_of"]
