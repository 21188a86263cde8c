"""Pure functions on Arabic text: what may be repaired, folded or compared, and nothing else.

Nothing here reads files, prints or knows about records.  Heavy libraries (ftfy, CAMeL Tools) are
imported by the functions that need them, so importing this package stays cheap.
"""
