"""Projects of others, and what `django-stack adopt` makes of them."""
