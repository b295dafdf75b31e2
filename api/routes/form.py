"""A form with one large file in it, taken apart while it comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

PIECE = 1 << 18  # bytes
MOST_PARTS = 10


class Repeated(Exception):
    """Two parts have this name."""


def parts(read: Callable[[int], bytes], boundary: bytes) -> Iterator[tuple[str, str | None, bytes]]:
    """(name of the part, its file's name, a piece of its content), a part's pieces in turn.

    ValueError for what is no form, Repeated for a name that two parts have: their pieces would become one content.
    """
    decoder = MultipartDecoder(boundary, max_form_memory_size=4 * PIECE, max_parts=MOST_PARTS)
    name, filename = "", None
    known: set[str] = set()
    while True:
        decoder.receive_data(read(PIECE) or None)
        while not isinstance(event := decoder.next_event(), NeedData):
            if isinstance(event, Epilogue):
                return
            if isinstance(event, Field | File):
                name, filename = event.name, event.filename if isinstance(event, File) else None
                if not name:
                    raise ValueError("a part has no name")
                if name in known:
                    raise Repeated(name)
                known.add(name)
            elif isinstance(event, Data):
                yield name, filename, event.data
