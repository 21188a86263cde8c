"""Generated function-calling text for pre-training the tiny base model, with other tools than the sample's.

Tools, arguments, requests and values of each row are composed from word lists, made-up words and pieces of the
tokenizer. A model can learn from it to choose a tool, to copy values from a request and to stop, but no Arabic.
"""
