"""The web pages and the REST API of a home: what people and programs touch instead of a terminal.

Nothing is decided here: pages call the manager's operations and show its words.
"""
