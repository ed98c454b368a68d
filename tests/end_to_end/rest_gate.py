"""A gateway before a server's REST API that can be told to lie or to break, as gateways in the field do."""

import contextlib
import http.client
import http.server
import json
import ssl
import threading


class RestGate:
    """Serves with the server's own certificate; `mode` is None, "504", "drop" or "unready"."""

    def __init__(self, rest_url, directory):
        self.mode = None
        self.upstream = rest_url.split("/")[2]
        trust = ssl.create_default_context(cafile=directory / "ca.pem")
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                if gate.mode == "drop":
                    self.close_connection = True
                    return
                if gate.mode == "504":
                    self.answer(504, "text/html", b"<html><body><h1>504 Gateway Time-out</h1></body></html>")
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                kept = {name: value for name, value in self.headers.items()
                        if name.lower() in ("authorization", "content-type", "accept")}
                connection = http.client.HTTPSConnection(gate.upstream, context=trust, timeout=30)
                connection.request(self.command, self.path, body, {**kept, "Host": gate.upstream})
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                if gate.mode == "unready" and self.command == "GET" and "full=1" in self.path:
                    text = json.dumps([{**tunnel, "is_ready": False} for tunnel in json.loads(text)]).encode()
                self.answer(answer.status, answer.getheader("Content-Type"), text)

            def answer(self, status, kind, body):
                self.send_response(status)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            do_GET = do_POST = do_DELETE = forward

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that went away
        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.pem", directory / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/rest/v1"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
