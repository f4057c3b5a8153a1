"""Measurements that anyone can repeat: `make bench`. Results with the machine's name stand in results/.

Everything runs in sandboxes of its own (those of the end-to-end tests), on free ports, and is removed at the end.
"""
