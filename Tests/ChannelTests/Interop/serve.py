"""Serves a folder on the loopback interface, honestly or not; prints the port, ends with standard input.

usage: serve.py FOLDER [LOG]      LOG: a file that gets a line for each request

Names below the top: /honest/ serves files; /moved/ redirects there; /endless/ sends without end; /trickle/ sends
a byte a second; /silent/ sends headers only; /cut/ announces more than it sends; /denied/ answers 500.
"""
import functools
import http.server
import sys
import threading
import time

stopped = threading.Event()


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        kind, _, rest = self.path[1:].partition("/")
        if len(sys.argv) > 2:
            with open(sys.argv[2], "a", encoding="utf-8") as log:
                log.write(self.path + "\n")
        if kind == "honest":
            self.path = "/" + rest
            super().do_GET()
            return
        if kind == "denied":
            self.send_error(500)
            return
        self.send_response(302 if kind == "moved" else 200)
        if kind == "moved":
            self.send_header("Location", "/honest/" + rest)
            self.send_header("Content-Length", "0")
        if kind == "cut":
            self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            while not stopped.is_set() and kind in ("endless", "trickle", "silent"):
                if kind == "silent":
                    time.sleep(0.2)
                else:
                    self.wfile.write(b"x" * (65536 if kind == "endless" else 1))
                    time.sleep(0 if kind == "endless" else 0.3)
            if kind == "cut":
                self.wfile.write(b"x" * 10)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
stopped.set()
