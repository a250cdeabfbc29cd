"""Verifies a bag of evidence, from docs/evidence.md alone. Stands behind journal/verify.py, whose Ed25519 and
journals it uses: what that prints of an empty input comes first.

Takes the folder of the bag. Prints the number of files and of entries, or the first thing that is wrong.
"""
import os

bag = sys.argv[1]


def read(name):
    with open(os.path.join(bag, name), "rb") as file:
        return file.read()


def check_manifest(name, wanted):
    listed = {}
    for line in read(name).decode().splitlines():
        digest, path = line.split("  ", 1)
        assert not path.startswith("/") and ".." not in path.split("/"), f"{path} leaves the bag"
        assert path not in listed, f"{path} is listed twice"
        assert sha256(read(path)) == digest, f"{path} holds other bytes"
        listed[path] = digest
    assert set(listed) == wanted, f"{name} lists {sorted(listed)}, and there are {sorted(wanted)}"
    return listed


def files_below(folder):
    top = os.path.join(bag, folder)
    return {os.path.relpath(os.path.join(at, name), bag) for at, _, names in os.walk(top) for name in names}


try:
    assert read("bagit.txt") == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "bagit.txt"
    payload = check_manifest("manifest-sha256.txt", files_below("data"))
    check_manifest("tagmanifest-sha256.txt", {"bagit.txt", "bag-info.txt", "manifest-sha256.txt"})
    info = dict(line.split(": ", 1) for line in read("bag-info.txt").decode().splitlines())
    total = sum(len(read(path)) for path in payload)
    assert info["Payload-Oxum"] == f"{total}.{len(payload)}", "Payload-Oxum"
    signed = json.loads(read("signature.json"))
    key, signature = bytes.fromhex(signed["site"]), bytes.fromhex(signed["signature"])
    assert signed["algorithm"] == "Ed25519" and is_signed(key, read(signed["file"]), signature), "signature"
    journal = read("data/journal.ndjson").decode().splitlines()
    sites = {json.loads(json.loads(line)["header"])["site"] for line in journal}
    assert signed["site"] in sites, "signed by a site that wrote nothing"
    items = json.loads(read("data/custody.json"))["evidence"]
    for item in items:
        assert payload[item["file"]] == item["sha256"], f"custody of {item['file']}"
    assert {item["file"] for item in items} == {path for path in payload if path.startswith("data/evidence/")}
    print(f"{len(items)} files, {verify(journal)} entries")
except AssertionError as why:
    sys.exit(f"bag: {why}")
