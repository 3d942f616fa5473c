"""What is learned: recipes, the data contract, rewards, supervised training, reward models, GRPO."""
