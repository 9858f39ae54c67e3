# A client of the tests: `with-options.py ACT GO HOST PORT [NAME=VALUE ...]`. It sets these socket options, connects, and
# once the file GO is there it does ACT: `wait`, `send`, `upload`, `shutdown` or `close`.
import os
import socket
import sys
import time

# Python knows no TCP_RTO_MAX_MS yet.
NUMBERS = {"TCP_RTO_MAX_MS": 44}
act, go, host, port = sys.argv[1:5]
client = socket.socket()
for word in sys.argv[5:]:
    name, value = word.split("=")
    level = socket.SOL_SOCKET if name.startswith("SO_") else socket.IPPROTO_TCP
    client.setsockopt(level, NUMBERS.get(name) or getattr(socket, name), int(value))
try:
    client.connect((host, int(port)))
    while not os.path.exists(go):
        time.sleep(0.01)
    if act == "send":
        client.sendall(b"ping")
    elif act == "upload":
        client.sendall(bytes(10_000_000))
    elif act == "shutdown":
        client.shutdown(socket.SHUT_WR)
    elif act == "close":
        client.close()
    time.sleep(60)
except OSError:
    time.sleep(60)
