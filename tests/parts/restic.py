"""restic: the program that the repositories of kind `restic` run, and repositories that open at once."""

import base64
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from tests.parts.need import require

_FOLDERS = ("data", "index", "keys", "locks", "snapshots")


@dataclass(frozen=True)
class Restic:
    """The installed program."""

    path: Path
    version: tuple[int, ...]

    def make(self, folder: Path, password: str) -> None:
        """Make an empty repository, see `files`."""
        for name in _FOLDERS:
            (folder / name).mkdir(parents=True)
        for file, data in self.files(password).items():
            (folder / file).write_bytes(data)

    def files(self, password: str) -> Mapping[str, bytes]:
        """The files of an empty repository whose key is derived in no time.

        restic makes keys that take half a second of processor time at each start of it, and tests start it thousands
        of times. Such a repository is made once, and given out again and again: its id is always the same.
        """
        return _files(self.path, password)


def restic() -> Restic:
    """Find restic."""
    path = require("restic")
    words = subprocess.run([path, "version"], check=True, capture_output=True, text=True, timeout=30).stdout.split()
    return Restic(path, tuple(int(part) for part in words[1].split("-")[0].split(".")))


@cache
def _files(path: Path, password: str) -> Mapping[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="daytwo-") as name:
        folder = Path(name)
        env = {**os.environ, "RESTIC_PASSWORD": password, "RESTIC_REPOSITORY": str(folder / "made")}

        def said(*argv: str) -> bytes:
            argv = (str(path), *argv, "--no-cache")
            return subprocess.run(argv, env=env, check=True, capture_output=True, timeout=60).stdout

        said("init")
        [key] = (folder / "made" / "keys").iterdir()
        cheap = _cheap(json.loads(key.read_text()), password, said("cat", "masterkey"))
        return {
            "config": (folder / "made" / "config").read_bytes(),
            f"keys/{hashlib.sha256(cheap).hexdigest()}": cheap,
        }


def _cheap(key: dict[str, object], password: str, master: bytes) -> bytes:
    """A key file that opens the same, by restic's description of its format (doc/design.rst, Keys, Encryption)."""
    salt, nonce = os.urandom(64), os.urandom(16)
    derived = hashlib.scrypt(password.encode(), salt=salt, n=2, r=1, p=1, dklen=64)
    encrypt, mac, r = derived[:32], derived[32:48], derived[48:]
    text = Cipher(algorithms.AES(encrypt), modes.CTR(nonce)).encryptor().update(master)
    s = Cipher(algorithms.AES(mac), modes.ECB()).encryptor().update(nonce)
    sealed = nonce + text + Poly1305.generate_tag(r + s, text)
    cost: dict[str, object] = {"N": 2, "r": 1, "p": 1}
    texts = {"salt": base64.b64encode(salt).decode(), "data": base64.b64encode(sealed).decode()}
    return json.dumps(key | cost | texts).encode()
