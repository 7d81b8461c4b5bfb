"""Drives `tsugite tuf` through the client workflow against a repository simulated with python-tuf.

usage: workflow.py TSUGITE

One process per step, HTTP on the loopback interface, as the public TUF conformance suite does it. Prints
`ok NAME` or `not ok NAME: REASON` per scenario; the exit status is 1 if any failed.
"""
import copy
import glob
import http.server
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import traceback
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, unquote

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp)

COMMAND = sys.argv[1]
TOP = ("root", "timestamp", "snapshot", "targets")


def future(days=30):
    return datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=days)


class World:
    """A repository that signs what is asked for at the moment of asking, and one client's folders."""

    def __init__(self, make_key=CryptoSigner.generate_ed25519):
        self.make_key = make_key
        self.root, self.roots = Root(expires=future()), []
        self.root.version = 0
        self.signed = {
            "timestamp": Timestamp(expires=future()), "snapshot": Snapshot(expires=future()),
            "targets": Targets(expires=future())}
        self.signers, self.files, self.requests, self.replaced = {}, {}, [], {}
        self.hashes = False
        for role in TOP:
            self.add_key(role)
        self.publish_root()
        self.folder = tempfile.TemporaryDirectory()
        self.metadata, self.targets = (os.path.join(self.folder.name, n) for n in ("metadata", "targets"))
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                world.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    # The publisher's side.

    def add_key(self, role):
        signer = self.make_key()
        self.signers.setdefault(role, []).append(signer)
        if role in TOP:
            self.root.add_key(signer.public_key, role)
        return signer

    def rotate(self, role):
        self.signers[role] = []
        self.root.roles[role].keyids.clear()
        self.add_key(role)

    def publish_root(self, signers=None):
        self.root.version += 1
        self.roots.append(self.file(self.root, signers or self.signers["root"]))

    @staticmethod
    def file(signed, signers):
        metadata = Metadata(copy.deepcopy(signed))
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def content(self, role):
        return self.file(self.signed[role], self.signers[role])

    def entry(self, role):
        signed = self.signed[role]
        if self.hashes:
            return MetaFile.from_data(signed.version, self.content(role), ["sha256"])
        return MetaFile(signed.version)

    def update_timestamp(self):
        self.signed["timestamp"].snapshot_meta = self.entry("snapshot")
        self.signed["timestamp"].version += 1

    def update_snapshot(self):
        for role, signed in self.signed.items():
            if isinstance(signed, Targets):
                self.signed["snapshot"].meta[f"{role}.json"] = self.entry(role)
        self.signed["snapshot"].version += 1
        self.update_timestamp()

    def add_file(self, path, content, role="targets"):
        self.files[path] = content
        self.signed[role].targets[path] = TargetFile.from_data(path, content, ["sha256"])
        self.signed[role].version += 1
        self.update_snapshot()

    def delegate(self, parent, name, paths=("*",), terminating=False):
        if name not in self.signers:
            self.signers[name] = [self.make_key()]
        key = self.signers[name][0].public_key
        target = self.signed[parent]
        if target.delegations is None:
            target.delegations = Delegations({}, {})
        target.delegations.roles[name] = DelegatedRole(name, [], 1, terminating, list(paths))
        target.add_key(key, name)
        self.signed.setdefault(name, Targets(expires=future()))
        self.update_snapshot()

    def answer(self, handler):
        path = handler.path
        self.requests.append(path)
        body = self.replaced.get(path)
        if body is None:
            try:
                body = self.lookup(path)
            except (KeyError, IndexError, ValueError):
                handler.send_error(404)
                return
        handler.send_response(200)
        handler.end_headers()
        try:
            handler.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def lookup(self, path):
        if path.startswith("/targets/"):
            folder, _, name = unquote(path[len("/targets/"):]).rpartition("/")
            return self.files[(folder + "/" if folder else "") + name.split(".", 1)[1]]
        name = path[len("/metadata/"):-len(".json")]
        if name == "timestamp":
            return self.content(name)
        version, role = name.split(".", 1)
        if role == "root":
            if int(version) < 1:
                raise KeyError(role)
            return self.roots[int(version) - 1]
        return self.content(unquote(role))

    # The client's side.

    def run(self, *arguments):
        return subprocess.run(
            [COMMAND, "tuf", "--metadata-dir", self.metadata, *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode

    def init(self, content=None):
        path = os.path.join(self.folder.name, "trusted.json")
        with open(path, "wb") as file:
            file.write(content or self.roots[0])
        return self.run("init", path)

    def refresh(self):
        return self.run("--metadata-url", self.base + "/metadata", "refresh")

    def download(self, *paths):
        return self.run(
            "--metadata-url", self.base + "/metadata", *(word for path in paths for word in ("--target-name", path)),
            "--target-base-url", self.base + "/targets", "--target-dir", self.targets, "download")

    def version(self, role):
        path = os.path.join(self.metadata, quote(role, "") + ".json")
        return Metadata.from_file(path).signed.version if os.path.exists(path) else 0

    def downloads(self):
        found = [name for name in glob.glob(self.targets + "/**", recursive=True) if os.path.isfile(name)]
        return sorted(open(name, "rb").read() for name in found)

    def metadata_requests(self):
        return [unquote(path.rsplit("/", 1)[1][:-len(".json")]) for path in self.requests if "/metadata/" in path]


SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__.replace("_", " ")] = function
    return function


@scenario
def fresh_client_asks_in_order(world):
    assert world.init() == 0 and world.requests == []
    assert world.refresh() == 0
    assert world.metadata_requests() == ["2.root", "timestamp", "1.snapshot", "1.targets"]
    assert [world.version(role) for role in TOP] == [1, 1, 1, 1]


@scenario
def download_refreshes_first_and_fails_for_an_unknown_target(world):
    assert world.init() == 0 and world.download("nothing here") == 1
    assert [world.version(role) for role in TOP] == [1, 1, 1, 1]


@scenario
def broken_initial_root_makes_no_request(world):
    world.init(world.roots[0].replace(b'"version": 1', b'"verzion": 1').replace(b'"version":1', b'"verzion":1'))
    assert world.refresh() == 1 and world.requests == []


@scenario
def unsigned_initial_root_makes_no_request(world):
    world.init(world.file(world.root, [CryptoSigner.generate_ed25519()]))
    assert world.refresh() == 1 and world.requests == []


@scenario
def files_are_fetched_cached_and_replaced(world):
    world.init()
    world.add_file("a/b/file.txt", b"one")
    assert world.download("a/b/file.txt") == 0 and world.downloads() == [b"one"]
    count = len([r for r in world.requests if r.startswith("/targets/")])
    assert world.download("a/b/file.txt") == 0
    assert len([r for r in world.requests if r.startswith("/targets/")]) == count
    world.add_file("a/b/file.txt", b"two")
    assert world.download("a/b/file.txt") == 0 and world.downloads() == [b"two"]
    world.add_file("other", b"good")
    world.files["other"] = b"evil"
    assert world.download("other") == 1 and world.downloads() == [b"two"]
    world.files["other"] = b"good and more"
    assert world.download("other") == 1 and world.downloads() == [b"two"]


@scenario
def expired_roles_are_refused(world):
    world.init()
    assert world.refresh() == 0
    for role in ("timestamp", "snapshot", "targets"):
        signed = world.signed[role]
        signed.expires = future(-1)
        signed.version += role == "targets"
        world.update_snapshot()
        before = world.version(role)
        assert world.refresh() == 1 and world.version(role) == before, role
        signed.expires = future()
        signed.version += role == "targets"
        world.update_snapshot()
        assert world.refresh() == 0, role
    world.root.expires = future(-1)
    world.publish_root()
    assert world.refresh() == 1 and world.version("root") == 2
    world.root.expires = future()
    world.publish_root()
    assert world.refresh() == 0 and world.version("root") == 3


@scenario
def rollbacks_are_refused(world):
    world.init()
    world.add_file("x", b"1")
    world.add_file("x", b"2")
    assert world.refresh() == 0
    for role in ("timestamp", "snapshot", "targets"):
        saved = copy.deepcopy(world.signed)
        world.signed[role].version = 1
        if role == "snapshot":
            world.update_timestamp()
        if role == "targets":
            world.update_snapshot()
        before = [world.version(each) for each in TOP]
        assert world.refresh() == 1, role
        assert world.version(role) == before[TOP.index(role)], role
        world.signed = saved
    world.update_snapshot()
    world.update_snapshot()
    assert world.refresh() == 0


@scenario
def rollbacks_are_refused_with_hashes_listed(world):
    world.hashes = True
    rollbacks_are_refused(world)


@scenario
def same_timestamp_version_with_other_content_is_ignored(world):
    world.init()
    assert world.refresh() == 0
    world.signed["timestamp"].snapshot_meta.version = 100
    assert world.refresh() == 0
    stored = Metadata.from_file(os.path.join(world.metadata, "timestamp.json")).signed
    assert stored.snapshot_meta.version == 1


@scenario
def mixed_versions_are_refused(world):
    world.init()
    world.signed["snapshot"].version += 1
    assert world.refresh() == 1 and world.version("snapshot") == 0
    world.update_timestamp()
    world.signed["targets"].version += 1
    assert world.refresh() == 1 and world.version("targets") == 0


@scenario
def fast_forward_is_recovered_by_rotation(world):
    world.init()
    for role in ("timestamp", "snapshot", "targets"):
        world.signed[role].version = 1000
        world.update_snapshot()
        assert world.refresh() == 0
        for each in ("timestamp", "snapshot"):
            world.rotate(each)
        world.publish_root()
        for each in ("timestamp", "snapshot", "targets"):
            world.signed[each].version = 1
        world.update_snapshot()
        assert world.refresh() == 0, role
        assert (world.version("timestamp"), world.version("snapshot"), world.version("targets")) == (2, 2, 1)


@scenario
def root_rotations(world):
    keys = [CryptoSigner.generate_ed25519() for _ in range(5)]
    # Every change from one set of keys and threshold to another, signed by every set: the expectation is
    # computed from the rule (a threshold of the old and of the new), not listed.
    sets = [((0,), 1), ((1,), 1), ((0, 1), 2), ((0, 1, 2), 2), ((2, 3, 4), 2)]
    for (old, old_need), (new, new_need) in itertools.product(sets, sets):
        for signing in ({0}, {0, 1}, {1, 2}, {0, 1, 2, 3}, {2, 3, 4}):
            expected = len(signing & set(old)) >= old_need and len(signing & set(new)) >= new_need
            if (old, new) != (old, old) and not (expected or signing in ({0, 1}, {2, 3, 4})):
                continue
            world.root.version, world.roots = 0, []
            for chosen, need, by in ((old, old_need, old), (new, new_need, signing)):
                world.root.roles["root"].keyids.clear()
                for number in chosen:
                    world.root.add_key(keys[number].public_key, "root")
                world.root.roles["root"].threshold = need
                world.publish_root([keys[number] for number in by])
            world.init(world.roots[0])
            got = world.refresh() == 0
            assert got == expected, (old, new, signing)
            assert world.version("root") == (2 if expected else 1)


@scenario
def thresholds_count_distinct_known_keys(world):
    world.init()
    assert world.refresh() == 0
    role = world.root.roles["snapshot"]
    role.threshold = 2
    world.publish_root()
    world.update_snapshot()
    assert world.refresh() == 1
    world.signers["snapshot"].append(CryptoSigner.generate_ed25519())
    world.update_snapshot()
    assert world.refresh() == 1
    world.root.add_key(world.signers["snapshot"][1].public_key, "snapshot")
    world.publish_root()
    assert world.refresh() == 0
    # The same key under a second name doesn't make two.
    alias = copy.deepcopy(world.signers["snapshot"][0].public_key)
    alias.keyid = "alias"
    world.root.add_key(alias, "snapshot")
    role.threshold = 3
    world.publish_root()
    world.update_snapshot()
    text = world.content("snapshot")
    first = world.signers["snapshot"][0].public_key.keyid
    metadata = Metadata.from_bytes(text)
    signature = copy.deepcopy(metadata.signatures[first])
    signature.keyid = "alias"
    metadata.signatures["alias"] = signature
    world.replaced[f"/metadata/{world.signed['snapshot'].version}.snapshot.json"] = metadata.to_bytes()
    assert world.refresh() == 1


@scenario
def unknown_fields_are_signed_and_kept(world):
    world.init()
    world.root.unrecognized_fields["x"] = {"y": ["\u00e9\n\"\\", 1, None, False]}
    key = world.root.keys[world.root.roles["root"].keyids[0]]
    key.unrecognized_fields["keyid_hash_algorithms"] = ["md5"]
    world.root.roles["root"].unrecognized_fields["z"] = 1
    world.publish_root()
    assert world.refresh() == 0 and world.version("root") == 2


@scenario
def delegations_are_searched_in_preorder(world):
    world.init()
    for parent, name, paths, terminating in (
            ("targets", "A", ["*"], False), ("targets", "B", ["*"], False), ("A", "C", ["*.py"], False),
            ("A", "D", ["*"], False), ("D", "A", ["*"], False), ("B", "E", ["*"], True), ("B", "F", ["*"], False)):
        world.delegate(parent, name, paths, terminating)
    assert world.download("missing") == 1
    assert [name.split(".", 1)[1] for name in world.metadata_requests()[4:]] == ["A", "D", "B", "E"]


@scenario
def a_path_must_be_allowed_by_the_whole_chain(world):
    world.init()
    world.delegate("targets", "B", ["releases/*/*"])
    world.delegate("B", "D", ["releases/y/*.zip"])
    world.add_file("releases/y/good.zip", b"good", "D")
    world.add_file("releases/z/bad.zip", b"bad", "D")
    assert world.download("releases/y/good.zip") == 0
    assert world.download("releases/z/bad.zip") == 1
    assert world.downloads() == [b"good"]


@scenario
def several_targets_come_in_order_up_to_the_first_that_fails(world):
    world.init()
    for name, content in (("a", b"one"), ("b", b"two"), ("c", b"three")):
        world.add_file(name, content)
    assert world.download("b", "missing", "a") == 1 and world.downloads() == [b"two"]
    assert world.metadata_requests().count("timestamp") == 1
    assert world.download("a", "c") == 0 and world.downloads() == [b"one", b"three", b"two"]


@scenario
def odd_role_names_are_quoted(world):
    world.init()
    for name in ("?", "#", "/delegated", "../delegated", "%2e%2e"):
        world.delegate("targets", name)
    assert world.download("missing") == 1
    for name in ("?", "#", "/delegated", "../delegated", "%2e%2e"):
        assert f"/metadata/1.{quote(name, '')}.json" in world.requests, name
    assert not os.path.exists(os.path.join(world.folder.name, "delegated.json"))


@scenario
def endless_data_is_cut_off(world):
    world.init()
    world.replaced["/metadata/timestamp.json"] = b" " * (50 << 20)
    assert world.refresh() == 1


def main():
    failed = 0
    schemes = {"ed25519": CryptoSigner.generate_ed25519, "ecdsa": CryptoSigner.generate_ecdsa,
               "rsa": CryptoSigner.generate_rsa}
    plan = [(name, function, schemes["ed25519"]) for name, function in SCENARIOS.items()]
    for scheme in ("ecdsa", "rsa"):
        plan.append((f"fresh client asks in order ({scheme})", fresh_client_asks_in_order, schemes[scheme]))
    for name, function, make_key in plan:
        world = World(make_key)
        try:
            function(world)
            print(f"ok {name}", flush=True)
        except Exception:  # noqa: BLE001 (a failed scenario must not hide the others)
            failed += 1
            print(f"not ok {name}: {traceback.format_exc(limit=3)}", flush=True)
        finally:
            world.close()
    sys.exit(1 if failed else 0)


main()
