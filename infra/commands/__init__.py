"""What a person runs, for stacks of every platform."""
