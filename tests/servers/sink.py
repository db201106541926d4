"""An HTTP server that takes every POST, or hangs, or is gone, on one port: a webhook, an InfluxDB."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.servers.ports import free_port


class Sink:
    """`with Sink() as sink: …sink.url…`; `bodies` holds what was taken, unpacked, in order of arrival.

    While `hang` is set a request gets no answer and is not taken. `stop` makes connections be refused.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.bodies: list[bytes] = []
        self.hang = threading.Event()
        self.asked = 0
        self._gone = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def lines(self) -> list[str]:
        """Line protocol as it came."""
        return [line for body in list(self.bodies) for line in body.decode().splitlines()]

    def start(self) -> Self:
        """Take requests; also again after `stop`."""
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.asked += 1
                if sink.hang.is_set():
                    sink._gone.wait()
                    self.close_connection = True
                    return
                packed = self.headers.get("Content-Encoding") == "gzip"
                sink.bodies.append(gzip.decompress(body) if packed else body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._gone.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Be gone."""
        self._gone.set()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
