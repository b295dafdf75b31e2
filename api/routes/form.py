"""A form with one large file in it, taken apart while it comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

PIECE = 1 << 18  # bytes
MOST_PARTS = 10


def parts(read: Callable[[int], bytes], boundary: bytes) -> Iterator[tuple[str, str | None, bytes]]:
    """(name of the part, its file's name, a piece of its content), a part's pieces in turn. ValueError for no form."""
    decoder = MultipartDecoder(boundary, max_form_memory_size=4 * PIECE, max_parts=MOST_PARTS)
    name, filename = "", None
    while True:
        decoder.receive_data(read(PIECE) or None)
        while not isinstance(event := decoder.next_event(), NeedData):
            if isinstance(event, Epilogue):
                return
            if isinstance(event, Field | File):
                name, filename = event.name, event.filename if isinstance(event, File) else None
            elif isinstance(event, Data):
                yield name, filename, event.data
