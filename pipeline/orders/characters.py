"""Characters that nobody sees: web pages, spreadsheets and dialogs leave them beside what was copied from there."""

BLANKS = "\t\u00a0\u2007\u2009\u202f"
# No width: which way the text runs, where it may be broken, and the mark of UTF-8 where files were put together.
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
