"""Answers to http-01 challenges: files in a web server's folder, or a small server of our own."""

from zoneproof.http01.listener import Listener, Listeners
from zoneproof.http01.responder import HttpResponder, Leftover
from zoneproof.http01.webroot import Webroot

__all__ = ["HttpResponder", "Leftover", "Listener", "Listeners", "Webroot"]
