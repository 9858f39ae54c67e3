# A server of the tests that does not set SO_REUSEADDR: `exclusive.py PORT`.
import socket
import sys

listener = socket.socket()
listener.bind(("", int(sys.argv[1])))
listener.listen(100)
while True:
    connection, _ = listener.accept()
    try:
        while data := connection.recv(1000):
            connection.sendall(data)
    except OSError:
        pass
    connection.close()
