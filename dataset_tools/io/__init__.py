"""Files: formats, atomic writing, locks, checksums, and paths of object stores."""
