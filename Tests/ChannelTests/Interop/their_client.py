"""Follows a TUF repository with python-tuf's client, over a plain web server.

usage: their_client.py REPOSITORY WORK PATH...

REPOSITORY holds metadata/ and targets/; WORK keeps the client's state between runs. Prints the content of each
target, one per line; `-` for a path that no role lists.
"""
import functools
import http.server
import os
import sys
import threading

from tuf.ngclient import Updater

repository, work, paths = sys.argv[1], sys.argv[2], sys.argv[3:]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), functools.partial(Quiet, directory=repository))
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
os.makedirs(work, exist_ok=True)
bootstrap = None
if not os.path.exists(os.path.join(work, "root.json")):
    with open(os.path.join(repository, "metadata", "1.root.json"), "rb") as file:
        bootstrap = file.read()
updater = Updater(work, f"{base}/metadata/", work, f"{base}/targets/", bootstrap=bootstrap)
updater.refresh()
for path in paths:
    info = updater.get_targetinfo(path)
    if info is None:
        print("-")
        continue
    with open(updater.download_target(info), "r", encoding="utf-8") as file:
        print(file.read())
