"""Arabic function-calling data: import, clean and validate it, without torch.

The command line is ``afg-data``; each of its commands is one function of a module of the same name.
"""
