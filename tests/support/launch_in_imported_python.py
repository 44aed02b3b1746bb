"""What :mod:`tests.support.imported_python` has instead of a Python: it waits for a fork to end."""

import os
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
    connection.connect(sys.argv[1])
    words = b"\0".join(os.fsencode(word) for word in sys.argv[2:])
    environment = b"\0".join(b"%b=%b" % line for line in os.environb.items())
    socket.send_fds(connection, [words + b"\0\0" + environment], [0, 1, 2])
    os._exit((connection.recv(1) or b"\1")[0])
