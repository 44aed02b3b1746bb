"""What pages are made of, whoever serves them: style, scripts, templates, forms, protection.

The manager's pages (``web``) and those of the challenge service (``challengepages``) stand on it.
"""
