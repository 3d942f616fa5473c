"""What agents are told: one file an agent and language. Imports nothing of ours."""
