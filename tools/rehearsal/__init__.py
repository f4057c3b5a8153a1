"""The rehearsal: the cloud platform on this machine, against an emulator of AWS (docs/rehearsal.md)."""
