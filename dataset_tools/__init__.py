"""Import, cleaning and validation of Arabic function-calling data, without torch.

The command line is ``afg-data``: each command is one function in :mod:`dataset_tools.cli` and makes one library call.
"""
