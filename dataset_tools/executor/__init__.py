"""Execution of a stage over shards: in this process, in worker processes, or on a Ray cluster."""
