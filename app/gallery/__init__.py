"""A picture gallery: upload, look, delete."""
