# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Causes in the negotiation of security. PRIVATE to the collection."""

from __future__ import annotations

from ._base import BCGR, NEGOTIATES, REPAIR, TERMSERV, Cause, Cure, by_policy, local, of_settings, out_of_range

RECOMMENDED = "https://learn.microsoft.com/azure/virtual-machines/windows/prepare-for-upload-vhd-image"
TLS_LAYER = Cure("security_layer", {"layer": "tls"})


CAUSES = (
    Cause(
        "negotiation_disabled",
        "the security protocol is not negotiated, so clients that need TLS or CredSSP fail",
        "x224",
        "high",
        local("negotiation", 0),
        NEGOTIATES,
        (Cure("security_layer", {"layer": "keep", "negotiation": "on"}),),
        sources=(RECOMMENDED,),
    ),
    Cause(
        "security_layer_rdp",
        "only Standard RDP security is offered, which modern clients refuse",
        "x224",
        "critical",
        local("security_layer", 0),
        NEGOTIATES,
        (TLS_LAYER,),
        "medium",
        touches=of_settings("security_layer"),
        sources=(BCGR, TERMSERV),
    ),
    Cause(
        "security_layer_rdp_by_policy",
        "a policy allows only Standard RDP security, which modern clients refuse",
        "x224",
        "critical",
        lambda facts: (
            by_policy("security_layer", 0, owned=True)(facts) or by_policy("security_layer", 0, owned=False)(facts)
        ),
        NEGOTIATES,
        (TLS_LAYER,),
        by_hand="Change the policy that the evidence names; a local write would be without effect.",
        touches=of_settings("security_layer"),
        sources=(BCGR, TERMSERV),
    ),
    Cause(
        "security_layer_invalid",
        "SecurityLayer has a value that Windows does not know, so every connection is dropped",
        "x224",
        "critical",
        out_of_range("security_layer"),
        NEGOTIATES,
        (TLS_LAYER,),
        "medium",
        touches=of_settings("security_layer"),
        sources=(REPAIR,),
    ),
    Cause(
        "encryption_level_invalid",
        "MinEncryptionLevel has a value that Windows does not know, so every connection is dropped",
        "x224",
        "critical",
        out_of_range("encryption"),
        NEGOTIATES,
        (Cure("security_layer", {"layer": "keep", "encryption": "high"}),),
        touches=of_settings("encryption"),
        sources=(REPAIR,),
    ),
    Cause(
        "nla_value_invalid",
        "UserAuthentication has a value that Windows does not know, so every connection is dropped",
        "x224",
        "critical",
        out_of_range("nla"),
        NEGOTIATES,
        (Cure("nla", {"state": "required"}),),
        "medium",
        touches=of_settings("nla"),
        sources=(REPAIR,),
    ),
)
