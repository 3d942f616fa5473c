"""Prompts that improve: labelled cases, plays of them, and optimisers that DSPy runs on them."""
