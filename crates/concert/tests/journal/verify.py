"""Verifies the chains of a journal, from docs/journal.md alone and with nothing but the standard library.

Reads lines of JSON: {"header": TEXT, "body": TEXT or null}, as `concert incident export` writes them. Prints
the number of entries, or the first thing that is wrong and exits with 1. Ed25519 is written after RFC 8032.
"""
import hashlib
import json
import sys

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no point of the curve")
    return P - x if x % 2 != sign else x


def point(text):
    number = int.from_bytes(text, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    x = recover_x(y, sign)
    return x, y, 1, x * y % P


def add(a, b):
    u, v = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    w, z = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = v - u, z - w, z + w, v + u
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, at):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, at)
        at, number = add(at, at), number >> 1
    return result


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def is_signed(key, message, signature):
    half, number = signature[:32], int.from_bytes(signature[32:], "little")
    if number >= ORDER:
        return False
    digest = int.from_bytes(hashlib.sha512(half + key + message).digest(), "little") % ORDER
    left, right = times(number, BASE), add(point(half), times(digest, point(key)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def canonical(value):
    """RFC 8785 for what journals hold: whole numbers, and names without characters beyond the first plane."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def verify(lines):
    chains = {}
    for line in lines:
        entry = json.loads(line)
        header = json.loads(entry["header"])
        chains.setdefault((header["incident"], header["site"]), []).append((header, entry))
    count = 0
    for chain in chains.values():
        chain.sort(key=lambda one: one[0]["sequence"])
        previous, stamp = "0" * 64, (-1, -1)
        for sequence, (header, entry) in enumerate(chain, 1):
            where = f"{header['incident']} entry {header['sequence']}"
            unsigned = {name: value for name, value in header.items() if name != "signature"}
            assert header["version"] == 1, f"{where}: unknown version"
            assert canonical(header) == entry["header"].encode(), f"{where}: header is not canonical"
            assert header["sequence"] == sequence, f"{where}: entry {sequence} is missing"
            assert header["previous"] == previous, f"{where}: does not follow the one before"
            assert (header["time"], header["tick"]) > stamp, f"{where}: time does not grow"
            signature = bytes.fromhex(header["signature"])
            assert is_signed(bytes.fromhex(header["site"]), canonical(unsigned), signature), f"{where}: signature"
            if entry["body"] is not None:
                body = json.loads(entry["body"])
                assert canonical(body) == entry["body"].encode(), f"{where}: body is not canonical"
                digest = sha256(body["salt"].encode() + canonical(body))
                assert digest == header["body"], f"{where}: body is not the one that was signed"
            previous, stamp = sha256(canonical(header)), (header["time"], header["tick"])
            count += 1
    return count


try:
    print(verify(sys.stdin))
except AssertionError as why:
    sys.exit(str(why))
