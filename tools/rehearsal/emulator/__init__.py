"""What runs in the emulator's container: MiniStack, our overrides, and the names and certificates of AWS around it."""
