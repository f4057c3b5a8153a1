"""A picture gallery: upload, view and delete pictures."""
