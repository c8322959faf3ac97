# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rule that lets Remote Desktop through, for each device. PRIVATE to the collection. Pure.

TCP alone is let through: sessions do without UDP, and an open UDP port of Remote Desktop amplifies attacks on others.
Sources are the vendors' references: OpenWrt "Firewall configuration", MikroTik RouterOS "NAT", pfSense "Port Forwards",
Cisco "Configuring NAT for IP Address Conservation", nft(8), Azure "Network security groups" (2024-05-01), Amazon EC2
"AuthorizeSecurityGroupIngress", Google Compute Engine "firewalls" (v1).
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .way import Wish, WrongWish


@dataclass(frozen=True)
class Rule:
    """What to enter on a device.

    Attributes:
        language: what the text is, such as C(shell) or C(nft).
        text: what to enter, whole.
        undo: what takes it back.
        notes: what else has to hold.
        document: the rule as data where the device's interface takes that; else None.
    """

    language: str
    text: str
    undo: str
    notes: tuple[str, ...] = ()
    document: dict[str, t.Any] | list[t.Any] | None = None


def rule(device: str, wish: Wish) -> Rule:
    """The rule for a device.

    Raises:
        WrongWish: the device cannot do that, or it needs to know more.
    """
    if device in _TRANSLATING and (wish.address.version == 6 or any(s.version == 6 for s in wish.sources)):
        raise WrongWish("IPv6 is not translated: allow the port for the host in the device's IPv6 firewall", "address")
    return DEVICES[device](wish)


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def _sources(wish: Wish, separator: str = ", ") -> str:
    return separator.join(map(str, wish.sources))


EXPOSED = "OPEN TO THE INTERNET"


def _title(wish: Wish) -> str:
    """What whoever finds the rule on the device reads; the mark has to be there, since results are not kept."""
    return f"Remote Desktop to {wish.name}{f', {EXPOSED}' if wish.exposed else ''}"


def _generic(wish: Wish) -> Rule:
    outside = f"{wish.external_address or 'the outside address'} port {wish.external_port}"
    return Rule(
        "text",
        _lines(
            f"1. Forward TCP {outside} to {wish.address} port {wish.port}.",
            f"2. Allow that from {_sources(wish)} alone; drop it from anywhere else, and log what is dropped."
            + (f" This leaves it {EXPOSED}." if wish.exposed else ""),
            "3. Do not forward UDP.",
        ),
        _lines(f"Remove the forward of TCP {outside} and the filter rule that goes with it."),
    )


def _openwrt(wish: Wish) -> Rule:
    names = [f"rdp_{wish.name.replace('-', '_')}_{number}" for number in range(1, len(wish.sources) + 1)]
    entered: list[str] = []
    for name, source in zip(names, wish.sources, strict=True):
        options = {
            "name": _title(wish),
            "target": "DNAT",
            "src": "wan",
            "src_ip": str(source),
            **({"src_dip": str(wish.external_address)} if wish.external_address else {}),
            "src_dport": str(wish.external_port),
            "proto": "tcp",
            "dest": "lan",
            "dest_ip": str(wish.address),
            "dest_port": str(wish.port),
        }
        entered.append(f"uci set firewall.{name}=redirect")
        entered += [f"uci set firewall.{name}.{option}='{value}'" for option, value in options.items()]
    finish = ("uci commit firewall", "service firewall reload")
    return Rule("shell", _lines(*entered, *finish), _lines(*(f"uci delete firewall.{name}" for name in names), *finish))


def _mikrotik(wish: Wish) -> Rule:
    listed, comment = f"rdp-{wish.name}", f'comment="{_title(wish)}"'
    outside = f"dst-address={wish.external_address}" if wish.external_address else "in-interface-list=WAN"
    return Rule(
        "routeros",
        _lines(
            *(f"/ip firewall address-list add list={listed} address={source} {comment}" for source in wish.sources),
            f"/ip firewall nat add chain=dstnat {outside} protocol=tcp dst-port={wish.external_port} "
            f"src-address-list={listed} action=dst-nat to-addresses={wish.address} to-ports={wish.port} {comment}",
        ),
        _lines(
            f"/ip firewall nat remove [find {comment}]",
            f"/ip firewall address-list remove [find list={listed}]",
        ),
        ("The forward chain has to accept what has connection-nat-state=dstnat, as the default configuration does.",),
    )


def _pfsense(wish: Wish) -> Rule:
    fields = {
        "Interface": "WAN",
        "Address Family": "IPv4",
        "Protocol": "TCP",
        "Source": f"Network {_sources(wish)}" if len(wish.sources) == 1 else f"Alias of {_sources(wish)}",
        "Destination": str(wish.external_address or "WAN address"),
        "Destination port range": f"{wish.external_port} to {wish.external_port}",
        "Redirect target IP": str(wish.address),
        "Redirect target port": str(wish.port),
        "Description": _title(wish),
        "NAT reflection": "Disable",
        "Filter rule association": "Add associated filter rule",
    }
    return Rule(
        "form",
        _lines("Firewall > NAT > Port Forward > Add", *(f"  {field}: {value}" for field, value in fields.items())),
        _lines(f"Firewall > NAT > Port Forward: delete the entry {_title(wish)!r}; its filter rule goes with it."),
    )


def _cisco_ios(wish: Wish) -> Rule:
    if wish.external_address is None:
        raise WrongWish(
            "cisco_ios needs external_address: static translations are made for an address", "external_address"
        )
    outside, port = wish.external_address, wish.external_port
    permits = [f" permit tcp {s.network_address} {s.hostmask} host {outside} eq {port}" for s in wish.sources]
    listed = f"RDP-{wish.name.upper()}"
    static = f"ip nat inside source static tcp {wish.address} {wish.port} {outside} {port} extendable"
    return Rule(
        "ios",
        _lines(
            static,
            f"ip access-list extended {listed}",
            f" remark {_title(wish)}",
            *permits,
            f" deny tcp any host {outside} eq {port} log",
        ),
        _lines(f"no {static}", f"no ip access-list extended {listed}"),
        (
            f"An interface has one list in each direction: put the entries of {listed} in front of its list's.",
            "The list that counts is the one inbound on the outside interface (show ip interface).",
        ),
    )


def _nftables(wish: Wish) -> Rule:
    table = f"rdp_{wish.name.replace('-', '_')}"
    outside = f"ip daddr {wish.external_address}" if wish.external_address else "fib daddr type local"
    return Rule(
        "nft",
        _lines(
            *((f"# {_title(wish)}",) if wish.exposed else ()),
            f"table ip {table} {{",
            "\tset sources {",
            "\t\ttype ipv4_addr",
            "\t\tflags interval",
            f"\t\telements = {{ {_sources(wish)} }}",
            "\t}",
            "\tchain prerouting {",
            "\t\ttype nat hook prerouting priority dstnat; policy accept;",
            f"\t\t{outside} ip saddr @sources tcp dport {wish.external_port} dnat to {wish.address}:{wish.port}",
            "\t}",
            "\tchain forward {",
            "\t\ttype filter hook forward priority filter; policy accept;",
            f"\t\tip daddr {wish.address} tcp dport {wish.port} ct status dnat ip saddr != @sources drop",
            "\t}",
            "}",
        ),
        _lines(f"nft delete table ip {table}"),
        (
            "A drop in another table's forward chain wins: accept connections with 'ct status dnat' there.",
            "The kernel has to forward packets: net.ipv4.ip_forward=1.",
        ),
    )


def _azure_nsg(wish: Wish) -> Rule:
    prefixes = [str(source) for source in wish.sources]
    document = {
        "name": f"Allow-RDP-{wish.name}",
        "properties": {
            "description": _title(wish),
            "access": "Allow",
            "direction": "Inbound",
            "priority": 300,
            "protocol": "Tcp",
            "sourceAddressPrefixes": prefixes,
            "sourcePortRange": "*",
            "destinationAddressPrefix": str(wish.address),
            "destinationPortRange": str(wish.port),
        },
    }
    group = '--resource-group "$RESOURCE_GROUP" --nsg-name "$NSG"'
    return Rule(
        "shell",
        _lines(
            f'az network nsg rule create {group} --name Allow-RDP-{wish.name} --description "{_title(wish)}" \\',
            "  --access Allow --direction Inbound --priority 300 --protocol Tcp \\",
            f"  --source-address-prefixes {' '.join(prefixes)} --source-port-ranges '*' \\",
            f"  --destination-address-prefixes {wish.address} --destination-port-ranges {wish.port}",
        ),
        _lines(f"az network nsg rule delete {group} --name Allow-RDP-{wish.name}"),
        ("The priority has to be free and in front of any rule that denies.", _UNTRANSLATED),
        document,
    )


_UNTRANSLATED = "Security groups translate nothing: users connect to the listener's own port."


def _aws(wish: Wish) -> Rule:
    entries = {4: ("IpRanges", "CidrIp"), 6: ("Ipv6Ranges", "CidrIpv6")}
    permission: dict[str, t.Any] = {"IpProtocol": "tcp", "FromPort": wish.port, "ToPort": wish.port}
    for source in wish.sources:
        name, cidr = entries[source.version]
        permission.setdefault(name, []).append({cidr: str(source), "Description": _title(wish)})
    given = f"--group-id \"$GROUP_ID\" --ip-permissions '{json.dumps([permission])}'"
    return Rule(
        "shell",
        _lines(f"aws ec2 authorize-security-group-ingress {given}"),
        _lines(f"aws ec2 revoke-security-group-ingress {given}"),
        ("The subnet's network ACL has to let the port in, and answers out.", _UNTRANSLATED),
        [permission],
    )


def _gcp(wish: Wish) -> Rule:
    name = f"allow-rdp-{wish.name}"
    document = {
        "name": name,
        "description": _title(wish),
        "direction": "INGRESS",
        "priority": 1000,
        "sourceRanges": [str(source) for source in wish.sources],
        "targetTags": [f"rdp-{wish.name}"],
        "allowed": [{"IPProtocol": "tcp", "ports": [str(wish.port)]}],
    }
    return Rule(
        "shell",
        _lines(
            f'gcloud compute firewall-rules create {name} --network="$NETWORK" --direction=INGRESS --priority=1000 \\',
            f"  --allow=tcp:{wish.port} --source-ranges={_sources(wish, ',')} --target-tags=rdp-{wish.name} \\",
            f'  --description="{_title(wish)}"',
        ),
        _lines(f"gcloud compute firewall-rules delete {name}"),
        (f"The instance needs the network tag rdp-{wish.name}.", _UNTRANSLATED),
        document,
    )


_TRANSLATING = frozenset({"generic", "openwrt", "mikrotik", "pfsense", "cisco_ios", "nftables"})

DEVICES: Mapping[str, Callable[[Wish], Rule]] = MappingProxyType(
    {
        "generic": _generic,
        "openwrt": _openwrt,
        "mikrotik": _mikrotik,
        "pfsense": _pfsense,
        "cisco_ios": _cisco_ios,
        "nftables": _nftables,
        "azure_nsg": _azure_nsg,
        "aws": _aws,
        "gcp": _gcp,
    }
)

ALTERNATIVES: Mapping[str, str] = MappingProxyType(
    {
        "azure_nsg": "Azure Bastion, or just-in-time access of Defender for Cloud, which opens the port for hours",
        "aws": "Session Manager port forwarding or Fleet Manager, which need no open port",
        "gcp": "Identity-Aware Proxy: allow 35.235.240.0/20 alone and use gcloud compute start-iap-tunnel",
    }
)
"""What a cloud has that is safer than an open port."""
