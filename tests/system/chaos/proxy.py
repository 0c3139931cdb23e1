"""A TCP proxy between b3scaled and its database that can be cut, stalled and healed."""
import socket
import threading


class TcpProxy:
    """Forwards 127.0.0.1:<port> to `target` (host, port).

    `cut()` breaks every connection and refuses new ones, `stall()` keeps them open and passes
    nothing on, `heal()` ends both.
    """

    def __init__(self, target):
        self.target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._open = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self._refusing = True
        self.break_connections()

    def break_connections(self):
        with self._lock:
            broken = list(self._open)
        for each in broken:
            shut(each)

    def stall(self):
        self._flowing.clear()

    def heal(self):
        self._refusing = False
        self._flowing.set()

    def close(self):
        self._listener.close()
        self.heal()
        self.break_connections()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self._flowing.wait()
        try:
            server = socket.create_connection(self.target, 5)
            server.settimeout(None)
        except OSError:
            client.close()
            return
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        except OSError:
            pass
        shut(source)
        shut(sink)


def shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
