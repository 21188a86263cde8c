"""The command line ``afg-data``: options, one library call for each command, and its report."""
