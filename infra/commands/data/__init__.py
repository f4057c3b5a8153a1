"""`django-stack data`: what copies left; and the parts that `copy`, `dump`, `load` and `restore` share."""
