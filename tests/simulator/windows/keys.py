# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real keys for the simulated key containers, made once and kept under ``build/``."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

POOL_SIZE = 8
WEAK_KEY, EC_KEY = POOL_SIZE, 100
SPECIAL = {WEAK_KEY: "weak", EC_KEY: "ec"}
"""Keys of another kind; other numbers beyond the pool are those of its keys once more."""

CACHE = Path(__file__).resolve().parents[3] / "build" / "simulator" / "keys"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@lru_cache(maxsize=2 * POOL_SIZE)
def private_key(index: int) -> PrivateKey:
    """Key number ``index``: RSA 2048, the special ones RSA 1024 and P-256; the same ones while the cache lives."""
    key = serialization.load_pem_private_key(private_key_pem(index), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, PrivateKey):
        raise TypeError(f"{CACHE}: key {index} is none of ours; remove the folder")
    return key


@lru_cache(maxsize=2 * POOL_SIZE)
def private_key_pem(index: int) -> bytes:
    """The same key as PEM."""
    path = CACHE / f"{SPECIAL.get(index, index % POOL_SIZE)}.pem"
    if not path.exists():
        _generate(path, index)
    return path.read_bytes()


def _made(index: int) -> PrivateKey:
    if index == EC_KEY:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=1024 if index == WEAK_KEY else 2048)


def _generate(path: Path, index: int) -> None:
    """Make a key; the first of several processes wins, so that all use the same one."""
    pem = _made(index).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        stream.write(pem)
    try:
        os.link(stream.name, path)
    except FileExistsError:
        return
    finally:
        os.unlink(stream.name)
