"""Runs that write records: to one file, or to a folder of parts that can be resumed."""
