"""Maker of a base with the real shape: Gemma 3 270M in FunctionGemma's layout, from packages of two registries.

It is not FunctionGemma: it has the architecture and the vocabulary, but never saw a tool call. Weights and tokenizer
stay in a cache folder outside the project; the Gemma Terms of Use apply to them.
"""
