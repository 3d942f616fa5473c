"""Text in, records out: readers, cleaning, chunks, answer keys, near-duplicates. Imports nothing of ours."""
