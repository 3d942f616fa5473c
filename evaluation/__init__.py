"""How good a model is: benchmarks, what was answered, and what that is worth."""
