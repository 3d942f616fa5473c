"""`python -m psyche.cli` is `psyche`."""

from psyche.cli.main import main

main()
