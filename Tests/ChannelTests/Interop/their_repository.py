"""Makes a TUF repository with python-tuf, for our client to follow.

usage: their_repository.py FOLDER

Every signature scheme has a role, root is rotated once with a threshold of two, one role is delegated by
paths, one by hash prefixes, and one set of hash bins; names and custom data are not plain ASCII.
"""
import hashlib
import os
import sys
from datetime import datetime, timedelta, timezone

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole, Delegations, Key, Metadata, MetaFile, Root, Snapshot, SuccinctRoles, TargetFile,
    Targets, Timestamp)

out = sys.argv[1]
expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=30)
metadata_dir, targets_dir = os.path.join(out, "metadata"), os.path.join(out, "targets")
os.makedirs(metadata_dir)
os.makedirs(targets_dir)
ed25519, ecdsa, rsa, second = (
    CryptoSigner.generate_ed25519(), CryptoSigner.generate_ecdsa(),
    CryptoSigner.generate_rsa(scheme="rsassa-pss-sha256"), CryptoSigner.generate_ecdsa())


def write(metadata, name, version, signers):
    for signer in signers:
        metadata.sign(signer, append=True)
    prefix = "" if version is None else f"{version}."
    # Web servers decode the quoted name that clients ask for, so a slash in it leads into a folder.
    path = os.path.join(metadata_dir, f"{prefix}{name}.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    metadata.to_file(path)
    with open(path, "rb") as file:
        return MetaFile.from_data(metadata.signed.version, file.read(), ["sha256", "sha512"])


def add_file(role, path, content, custom=None):
    target = TargetFile.from_data(path, content, ["sha512", "sha256"])
    if custom is not None:
        target.unrecognized_fields["custom"] = custom
    role.targets[path] = target
    folder, name = os.path.split(path)
    os.makedirs(os.path.join(targets_dir, folder), exist_ok=True)
    for digest in target.hashes.values():
        with open(os.path.join(targets_dir, folder, f"{digest}.{name}"), "wb") as file:
            file.write(content)


root = Root(expires=expires, consistent_snapshot=True)
for role, signer in (("root", ecdsa), ("timestamp", ed25519), ("snapshot", ecdsa), ("targets", rsa)):
    root.add_key(signer.public_key, role)
write(Metadata(root), "root", 1, [ecdsa])
root.version = 2
root.add_key(second.public_key, "root")
root.roles["root"].threshold = 2
root.unrecognized_fields["x-note"] = {"text": "zw\u00f6lf \u2028 \"\\\" \U0001f600", "list": [1, -2, True, None]}
write(Metadata(root), "root", 2, [ecdsa, second])

top = Targets(expires=expires)
add_file(top, "top/\u00fcber file.txt", b"top content", {"note": "\u00e9\ttab", "deep": [[{}]]})
by_path, by_hash, one_bin = Targets(expires=expires), Targets(expires=expires), Targets(expires=expires)
add_file(by_path, "user/libssl3/abcd/fix.tsp", b"by path")
add_file(by_path, "elsewhere/fix.tsp", b"not allowed")
hashed = "hashed/file"
add_file(by_hash, hashed, b"by hash")
prefix = hashlib.sha256(hashed.encode()).hexdigest()[:3]
top.delegations = Delegations(keys={}, roles={})
for name, signer, paths, prefixes in (
        ("user \u00e9/role", rsa, ["user/*/*/*"], None), ("hash-role", ed25519, None, [prefix]),
        ("bins", ecdsa, ["binned/*"], None)):
    top.delegations.roles[name] = DelegatedRole(name, [], 1, False, paths, prefixes)
    top.add_key(signer.public_key, name)
bins = Targets(expires=expires)
succinct = SuccinctRoles([], 1, 4, "bin")
bins.delegations = Delegations(keys={}, succinct_roles=succinct)
bins.add_key(ed25519.public_key)

snapshot = Snapshot(expires=expires)
for role_name in succinct.get_roles():
    role = Targets(expires=expires)
    if role_name == succinct.get_role_for_target("binned/file"):
        add_file(role, "binned/file", b"in a bin")
    snapshot.meta[f"{role_name}.json"] = write(Metadata(role), role_name, 1, [ed25519])
for name, role, signer in (
        ("targets", top, rsa), ("user \u00e9/role", by_path, rsa), ("hash-role", by_hash, ed25519),
        ("bins", bins, ecdsa)):
    snapshot.meta[f"{name}.json"] = write(Metadata(role), name, 1, [signer])
timestamp = Timestamp(expires=expires)
timestamp.snapshot_meta = write(Metadata(snapshot), "snapshot", 1, [ecdsa])
write(Metadata(timestamp), "timestamp", None, [ed25519])
