"""Accepts one connection and forks: the child keeps it, and the parent closes it when a read gives end of file."""
import os
import signal
import socket

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('', 80))
listener.listen()
connection, _ = listener.accept()
if os.fork() == 0:
    listener.close()
    signal.pause()
while connection.recv(1000):
    pass
connection.close()
signal.pause()
