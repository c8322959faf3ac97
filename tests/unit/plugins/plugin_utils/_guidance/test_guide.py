# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guidance: where the way ends, what is translated, and the rule for each device against golden files.

A golden file is what has been read against the vendor's reference once; a change of it is meant to be looked at.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guidance.devices import DEVICES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guidance.guide import OPTIONS, guide
from ansible_collections.winfleet.rdp.plugins.plugin_utils._guidance.way import WrongWish
from hypothesis import given
from hypothesis import strategies as st

GOLDEN = Path(__file__).parent / "golden"
OPEN, CLOSED = {"tcp": {"verdict": "open"}}, {"tcp": {"verdict": "timeout"}}
INSIDE, OUTSIDE = {"vantage": "inside"}, {"vantage": "outside"}
BLOCKED = [{**OPEN, **INSIDE}, {**CLOSED, **OUTSIDE}]
IN_PARTS = [f"{first}.0.0.0/8" for first in range(256)]
NFT = shutil.which("nft") or "/usr/sbin/nft"


def options(**given_: t.Any) -> dict[str, t.Any]:
    defaults = {name: spec.get("default") for name, spec in OPTIONS.items()}
    wanted = {
        "source": ["203.0.113.0/24", "198.51.100.17"],
        "address": "192.168.1.10",
        "external_port": 33890,
        "external_address": "192.0.2.7",
        "wan_address": "192.0.2.7",
        "probes": BLOCKED,
    }
    return {**defaults, **wanted, **given_}


@pytest.mark.parametrize("device", DEVICES)
def test_the_rule_is_the_golden_one(device: str) -> None:
    rule = guide("WIN 01.example", options(device=device))["rule"]
    assert rule == yaml.safe_load((GOLDEN / f"{device}.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("device", DEVICES)
def test_every_rule_names_the_sources_and_no_others(device: str) -> None:
    text = guide("win01", options(device=device))["rule"]["text"]
    assert "203.0.113.0" in text
    assert "198.51.100.17" in text
    assert "0.0.0.0/0" not in text


@pytest.mark.parametrize("device", DEVICES)
def test_open_to_the_world_only_when_it_is_accepted_and_then_marked(device: str) -> None:
    for source in ([], ["0.0.0.0/0"], ["128.0.0.0/1"], ["203.0.113.0/24", "0.0.0.0/0"], IN_PARTS):
        with pytest.raises(WrongWish, match="accept_internet_exposure"):
            guide("win01", options(device=device, source=source))
        found = guide("win01", options(device=device, source=source, accept_internet_exposure=True))
        assert found["exposed"]
        assert "WHOLE INTERNET" in found["warnings"][0]
        assert "OPEN TO THE INTERNET" in found["rule"]["text"]
    assert "OPEN TO THE INTERNET" not in guide("win01", options(device=device))["rule"]["text"]


@pytest.mark.parametrize(
    ("source", "exposed"),
    [
        (["10.0.0.0/8"], False),
        (["10.0.0.0/8", "12.0.0.0/8"], False),
        (["12.0.0.0/8", "13.0.0.0/8"], True),
        (["2001:db8::/32"], False),
        (["2000::/3"], True),
        (["2001:db8::/21", "2001:0::/21"], False),
        (["::ffff:0.0.0.0/96"], True),
        (["::ffff:203.0.113.0/120"], False),
    ],
)
def test_the_internet_in_parts_or_in_disguise_is_the_internet(source: list[str], exposed: bool) -> None:
    wish = options(device="azure_nsg", source=source, accept_internet_exposure=True)
    assert guide("win01", wish)["exposed"] is exposed


@pytest.mark.parametrize(
    ("probes", "where"),
    [
        (BLOCKED, "path"),
        ([{**OPEN, **INSIDE}, {**OPEN, **OUTSIDE}], "open"),
        ([{**CLOSED, **INSIDE}, {**CLOSED, **OUTSIDE}], "host"),
        ([{**CLOSED, **OUTSIDE}], "unknown"),
        ([{**OPEN, **INSIDE}], "unknown"),
        ([], "unknown"),
        ([*BLOCKED, {**OPEN, **OUTSIDE}], "open"),
    ],
)
def test_probes_tell_where_the_way_ends(probes: list[dict[str, t.Any]], where: str) -> None:
    found = guide("win01", options(probes=probes))
    assert found["blocked"] == where
    assert (found["rule"] is None) == (where in ("open", "host"))


@pytest.mark.parametrize(
    ("changed", "translation"),
    [
        ({}, "single"),
        ({"external_address": None}, "single"),
        ({"wan_address": "100.64.3.4"}, "carrier"),
        ({"wan_address": "192.168.0.2"}, "double"),
        ({"wan_address": "192.0.2.99"}, "other_way"),
        ({"wan_address": None}, "unknown"),
        ({"addresses": ["192.0.2.7"]}, "none"),
        ({"address": "192.0.2.7"}, "none"),
    ],
)
def test_translations_are_named(changed: dict[str, t.Any], translation: str) -> None:
    assert guide("win01", options(**changed))["translation"] == translation


def test_behind_carrier_nat_no_rule_is_given() -> None:
    assert guide("win01", options(wan_address="100.100.1.1"))["rule"] is None


@pytest.mark.parametrize(
    "changed",
    [
        {"address": None},
        {"address": "win01"},
        {"source": ["here"]},
        {"port": 0},
        {"external_port": 70000},
        {"wan_address": "x"},
        {"device": "openwrt", "address": "2001:db8::10"},
        {"device": "nftables", "source": ["2001:db8::/32"]},
        {"device": "cisco_ios", "external_address": None},
    ],
)
def test_wrong_wishes_are_refused_with_the_option_named(changed: dict[str, t.Any]) -> None:
    with pytest.raises(WrongWish) as error:
        guide("win01", options(**changed))
    assert error.value.option in OPTIONS


@pytest.mark.parametrize("device", ["azure_nsg", "aws", "gcp"])
def test_documents_are_json_that_says_what_the_command_says(device: str) -> None:
    rule = guide("win01", options(device=device, source=["2001:db8::/32", "203.0.113.0/24"]))["rule"]
    text = json.dumps(rule["document"])
    assert json.loads(text) == rule["document"]
    for source in ("2001:db8::/32", "203.0.113.0/24"):
        assert source in text
        assert source in rule["text"]


def test_aws_takes_its_permissions_from_the_command_as_json() -> None:
    rule = guide("win01", options(device="aws"))["rule"]
    assert json.loads(rule["text"].split("'")[1]) == rule["document"]


@pytest.mark.parametrize("source", [["203.0.113.0/24", "198.51.100.17"], ["203.0.113.9", "203.0.113.0/24"], IN_PARTS])
def test_nft_takes_the_rule(source: list[str], tmp_path: Path) -> None:
    if (
        not os.access(NFT, os.X_OK)
        or subprocess.run([NFT, "list", "tables"], check=False, capture_output=True).returncode
    ):
        pytest.skip("nft is not installed, or may not ask the kernel here")
    rule = guide("win01", options(device="nftables", source=source, accept_internet_exposure=True))["rule"]
    (tmp_path / "rule.nft").write_text(rule["text"], encoding="utf-8")
    checked = subprocess.run([NFT, "--check", "--file", str(tmp_path / "rule.nft")], check=False, capture_output=True)
    assert checked.returncode == 0, checked.stderr


@given(st.text(), st.sampled_from(sorted(DEVICES)))
def test_no_name_gets_into_a_rule_as_it_is(name: str, device: str) -> None:
    text = guide(name, options(device=device))["rule"]["text"]
    known = guide("win01", options(device=device))["rule"]["text"]
    assert set(text) <= set(known) | set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@given(st.lists(st.ip_addresses(v=4), min_size=1, max_size=5), st.sampled_from(sorted(DEVICES)))
def test_sources_do_not_depend_on_their_order(sources: list[t.Any], device: str) -> None:
    texts = [str(ip_address(source)) for source in sources]
    rules = [guide("win01", options(device=device, source=order))["rule"] for order in (texts, texts[::-1], texts * 2)]
    assert rules[0] == rules[1] == rules[2]
