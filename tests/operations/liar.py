"""A web server that says what it is told to, in place of a part of the platform or of Prometheus."""

import http.server
import json
import threading


class Liar:
    """Answers each path of `says` (the query is not looked at) with 200 and what is said there: text, or JSON of
    anything else. `None` breaks the connection; everything else is answered 404."""

    def __init__(self, says):
        self.says, self.asked = says, []

    def __enter__(self):
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                liar.asked.append(path)
                said = liar.says.get(path, b"")
                if said is None:
                    self.close_connection = True
                    return
                body = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(200 if path in liar.says else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def page(*items, after=None):
    return {"items": list(items), "next_cursor": after}
