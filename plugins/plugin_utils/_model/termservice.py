# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Windows' own listener is made of. PRIVATE to the collection. Source: registry of a fresh Windows 10."""

from __future__ import annotations

PROTOCOL = "{5828227c-20cf-4408-b73f-73ab70b8849f}"
"""LoadableProtocol_Object of Windows' own listener."""

LIBRARY = r"\system32\termsrv.dll"
"""The end of TermService's ServiceDll, in lower case."""
