"""Exam questions in plain words: a provider, an agent and a stage of a package of its own."""
