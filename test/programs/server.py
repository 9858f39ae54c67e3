# A server of the tests that blocks, as many do: `server.py MODE PORT [FILE]`.
#   quick    says something and closes at once
#   defer    has the kernel keep a connection until the client has sent something (TCP_DEFER_ACCEPT)
#   sync     serves one connection after the other
#   threads  serves each in a thread
#   leaver   the same, but goes on working for a client that has left, and keeps its descriptor
#   lingers  the same as threads, but keeps the descriptor after it has sent its FIN
#   limits   the same as threads, but closes at once each connection after the first hundred of an address
#   forks    answers each HTTP request with 16 MB, in a process for each connection
#   spins    the same as threads, but tries accept() again at once when it fails
#   crashes  the same as threads, but an error of accept() ends it
#   deaf     on SIGTERM closes its listener with what is queued, and finishes what is in progress; accepts now and then
#   reuse    the same as threads, beside other copies (SO_REUSEPORT); on SIGTERM accepts what is queued, then ends
#   abrupt   the same, but on SIGTERM ends with what is queued
#   cutter   on SIGTERM closes its listener, answers no more, and cuts what is in progress a second later
#   keeper   refuses to start while the process of its PID file exists, and never removes it
import os
import signal
import socket
import sys
import threading
import time

mode, port = sys.argv[1], int(sys.argv[2])
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 2**24 + b"x" * 2**24


def serve(sock):
    try:
        if mode == "quick":
            sock.sendall(b"554 no service\r\n")
        else:
            while data := sock.recv(65536):
                if mode == "cutter" and over:
                    time.sleep(600)
                sock.sendall(LARGE if mode == "forks" else data)
            if mode == "leaver":
                time.sleep(600)
            if mode == "lingers":
                sock.shutdown(socket.SHUT_WR)
                time.sleep(600)
    except OSError:
        if mode == "leaver":
            time.sleep(600)
    sock.close()


if mode == "keeper":
    path = sys.argv[3]
    if os.path.exists(path):
        old = int(open(path).read())
        try:
            os.kill(old, 0)
            sys.exit(f"already running as {old}")
        except ProcessLookupError:
            pass
    with open(path, "w") as file:
        file.write(str(os.getpid()))
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
copies = mode in ("reuse", "abrupt")
if copies:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind(("", port))
if mode == "defer":
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 10)
listener.listen(511)
over = []
seen = 0
if mode in ("deaf", "cutter") or copies:
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    listener.setblocking(False)
while True:
    if mode in ("abrupt", "cutter") and over:
        break
    if mode == "deaf":
        time.sleep(0.3)
        if over:
            break
    try:
        connection, _ = listener.accept()
    except OSError:
        if mode == "crashes":
            raise
        if mode == "reuse" and over:
            break
        if mode != "spins":
            time.sleep(0.05)
        continue
    if mode == "limits" and (seen := seen + 1) > 100:
        connection.close()
    elif mode == "forks":
        if os.fork() == 0:
            serve(connection)
            os._exit(0)
        connection.close()
    elif mode == "sync":
        serve(connection)
    else:
        threading.Thread(target=serve, args=(connection,), daemon=mode != "deaf" and not copies).start()
listener.close()
if mode == "cutter":
    time.sleep(1)
    os._exit(0)
