"""Makers of the tiny tokenizer and base model."""
