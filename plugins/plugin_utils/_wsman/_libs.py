# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Third-party libraries, imported where they are installed and asked for when they are needed.

PRIVATE to the collection. Nothing here raises at import time, so that documentation and tests work without them.
"""

from __future__ import annotations

import importlib
import typing as t

from ansible_collections.winfleet.rdp.plugins.plugin_utils._wsman.errors import ChannelUnavailable


def _load(name: str) -> t.Any:
    """Return the module, or None when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


DEFUSEDXML = _load("defusedxml.ElementTree")
REQUESTS = _load("requests")
REQUESTS_EXCEPTIONS = _load("requests.exceptions")
PYPSRP = _load("pypsrp.wsman")
PYPSRP_EXCEPTIONS = _load("pypsrp.exceptions")
WINRM_EXCEPTIONS = _load("winrm.exceptions")
SPNEGO = _load("spnego")
SPNEGO_EXCEPTIONS = _load("spnego.exceptions")
CREDSSP_EXCEPTIONS = _load("requests_credssp.exceptions")
KERBEROS_EXCEPTIONS = _load("winrm.vendor.requests_kerberos.exceptions")
KRB5 = _load("krb5")
X509 = _load("cryptography.x509")
X509_EXCEPTIONS = _load("cryptography.exceptions")


def need(module: t.Any, package: str) -> t.Any:
    """Return ``module``, or raise ChannelUnavailable naming the package to install."""
    if module is None:
        raise ChannelUnavailable(
            f"The Python package {package} is not installed on the controller",
            hint=f"Install it into Ansible's own Python: python -m pip install {package}",
        )
    return module
