"""Generated function-calling text that the tiny base model is pre-trained on: other tools than the sample's.

Tools, their arguments, the requests and the values are composed anew for every row from word lists, made-up words and
single pieces of the tokenizer. What a model can learn from such text is to pick the tool that a request names, to copy
values out of the request, and to stop; it cannot learn Arabic from it.
"""
