"""Runs that write records to one file or to a resumable folder of parts."""
