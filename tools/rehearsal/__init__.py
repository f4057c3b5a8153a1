"""The rehearsal: the cloud platform on this machine, against an emulator of AWS with real containers (docs/rehearsal.md)."""
