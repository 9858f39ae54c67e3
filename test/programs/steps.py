# One step after the other: `steps.py listen:8080 accept read close sleep:60`.
import ctypes
import os
import socket
import struct
import sys
import time

sockets = []
for step in sys.argv[1:]:
    what, _, value = step.partition(":")
    last = sockets[-1] if sockets else None
    if what in ("listen", "bind"):
        sockets.append(socket.socket())
        sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sockets[-1].bind(("", int(value)))
        if what == "listen":
            sockets[-1].listen(5)
    elif what == "accept":
        sockets.append(sockets[0].accept()[0])
    elif what == "connect":
        host, port = value.split(":")
        if last is None:
            sockets.append(last := socket.socket())
        last.connect((host, int(port)))
    elif what == "send":
        last.sendall(b"x" * int(value))
    elif what == "read":
        while last.recv(65536):
            pass
    elif what == "close":
        sockets.pop().close()
    elif what == "stop":
        last.shutdown(socket.SHUT_RD)
    elif what == "dissolve":
        ctypes.CDLL(None).connect(last.fileno(), struct.pack("16x"), 16)
    elif what == "sleep":
        time.sleep(float(value))
    elif what == "exit":
        os._exit(0)
