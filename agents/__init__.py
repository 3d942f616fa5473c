"""Who speaks: providers, and one file an agent."""
