"""Import, cleaning and validation of Arabic function-calling data, without torch.

The command line is ``afg-data``; each command is one function in a module of the same name.
"""
