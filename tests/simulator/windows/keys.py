# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real RSA keys for the simulated key containers, made once and kept under ``build/``."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

POOL_SIZE = 8
WEAK_KEY = POOL_SIZE
CACHE = Path(__file__).resolve().parents[3] / "build" / "simulator" / "keys"


@lru_cache(maxsize=POOL_SIZE + 1)
def private_key(index: int) -> RSAPrivateKey:
    """Key number ``index``: RSA 2048, the one after the pool 1024; the same ones for as long as the cache lives."""
    key = serialization.load_pem_private_key(private_key_pem(index), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(f"{CACHE}: key {index} is no RSA key; remove the folder")
    return key


@lru_cache(maxsize=POOL_SIZE + 1)
def private_key_pem(index: int) -> bytes:
    """The same key as PEM."""
    path = CACHE / ("weak.pem" if index == WEAK_KEY else f"{index % POOL_SIZE}.pem")
    if not path.exists():
        _generate(path, 1024 if index == WEAK_KEY else 2048)
    return path.read_bytes()


def _generate(path: Path, bits: int) -> None:
    """Make a key; the first of several processes wins, so that all use the same one."""
    key = generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
        stream.write(pem)
    try:
        os.link(stream.name, path)
    except FileExistsError:
        return
    finally:
        os.unlink(stream.name)
