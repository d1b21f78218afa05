"""A link to a PostgreSQL server that counts its turns, and can lose an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import URL, make_url

_CHUNK = 65_536


class Link:
    """Passes bytes on between clients and a server on TCP."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        # How often the server answered after a client had spoken.
        self.turns = 0
        self._asked = False
        # Asked with what a client sends: is the connection lost once the server has it?
        self.loses: Callable[[bytes], bool] = lambda _: False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Return the URL of the database by way of this link."""
        host, port = self._listener.getsockname()
        # Encrypted, what passes could not be looked at.
        through: URL = self._url.set(host=host, port=port).update_query_dict({"sslmode": "disable"})
        return through.render_as_string(hide_password=False)

    def close(self) -> None:
        """Take no more connections and cut those that there are."""
        self._listener.close()
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(
                    (self._url.host or "127.0.0.1", self._url.port or 5432)
                )
                self._sockets += [client, server]
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                if self.loses(data):
                    # The client hears of it first, and then the server gets what was sent.
                    client.shutdown(socket.SHUT_RDWR)
                    server.sendall(data)
                    break
                self._asked = True
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                self.turns += self._asked
                self._asked = False
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
