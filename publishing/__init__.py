"""What leaves the machine: the ``afg`` command line and, in time, exports, model cards and the Hub."""
