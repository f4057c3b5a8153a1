"""Prepares a machine, step by step; `python3 tools/setup --help` lists the steps."""
