"""The pages of the challenge service: ``/admin/`` for its operator, ``/portal/`` for tenants.

What they do is done by the service's own functions, in transactions that first check the key of
the session, as its REST API does with each request.
"""
