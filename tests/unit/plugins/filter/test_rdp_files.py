# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files for Remote Desktop clients: what they say, what they never hold, and back again."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.text.converters import to_text
from ansible_collections.winfleet.rdp.plugins.filter import from_rdp_file, to_rdp_file
from hypothesis import given
from hypothesis import strategies as st

write = to_rdp_file.FilterModule().filters()["to_rdp_file"]
read = from_rdp_file.FilterModule().filters()["from_rdp_file"]


def test_a_file_by_name_over_a_gateway():
    assert write("host17.example.com", gateway="rdgw.example.com", authentication="refuse") == (
        "full address:s:host17.example.com\r\n"
        "authentication level:i:1\r\n"
        "enablecredsspsupport:i:1\r\n"
        "prompt for credentials:i:1\r\n"
        "gatewayhostname:s:rdgw.example.com\r\n"
        "gatewayusagemethod:i:1\r\n"
        "gatewayprofileusagemethod:i:1\r\n"
    )


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("192.0.2.17", 33890, "192.0.2.17:33890"),
        ("2001:db8::17", None, "[2001:db8::17]"),
        ("[2001:db8::17]", 33890, "[2001:db8::17]:33890"),
        ("HOST_17", "3390", "HOST_17:3390"),
    ],
)
def test_addresses(host, port, address):
    assert read(write(host, port=port))["full address"] == address


def test_udp_is_left_to_the_client_unless_it_is_off():
    assert "disableudptransport" not in read(write("host17"))
    assert read(write("host17", udp=False))["disableudptransport"] == 1


def test_more_properties_win():
    assert read(write("host17", extra={"Authentication Level": 3, "audiomode": True})) == {
        **read(write("host17")),
        "authentication level": 3,
        "audiomode": 1,
    }


@pytest.mark.parametrize(
    ("gateway", "written"),
    [
        ("rdgw.example.com:8443", "rdgw.example.com:8443"),
        ("192.0.2.1:8443", "192.0.2.1:8443"),
        ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("2001:db8::8443", "[2001:db8::8443]"),
    ],
)
def test_a_gateway_may_have_a_port(gateway, written):
    assert read(write("host17", gateway=gateway))["gatewayhostname"] == written


DOCUMENTED = """
gatewaycredentialssource gatewayprofileusagemethod gatewayusagemethod promptcredentialonce authentication_level
enablecredsspsupport disableconnectionsharing autoreconnection_enabled bandwidthautodetect networkautodetect
compression videoplaybackmode audiocapturemode encode_redirected_video_capture
redirected_video_capture_encoding_quality audiomode redirectclipboard redirectprinters redirectsmartcards
use_multimon maximizetocurrentdisplays singlemoninwindowedmode screen_mode_id smart_sizing dynamic_resolution
desktop_size_id desktopheight desktopwidth desktopscalefactor remoteapplicationexpandcmdline
remoteapplicationexpandworkingdir remoteapplicationmode

redirectcomports redirectdrives session_bpp prompt_for_credentials_on_client server_port allow_font_smoothing
use_redirection_server_name
"""
"""The whole numbers of Microsoft's page of supported settings, then what the file in MS-RDWR 4.2 has beside them."""


@pytest.mark.parametrize("name", DOCUMENTED.split())
def test_what_is_documented_as_a_whole_number_is_written_as_one(name):
    name = name.replace("_", " ")
    assert f"\n{name}:i:1\r\n" in write("host17", extra={name: "1"})


def test_numbers_that_a_template_gives_as_text_are_written_as_numbers():
    given = {"Screen Mode ID": "1", "session bpp": " 32 ", "selectedmonitors": "0", "username": "1234"}
    text = write("host17", extra=given)
    assert "screen mode id:i:1\r\nsession bpp:i:32\r\nselectedmonitors:s:0\r\nusername:s:1234\r\n" in text


@pytest.mark.parametrize(
    ("host", "given"),
    [
        ("host 17", {}),
        ("host17\r\nalternate shell:s:calc.exe", {}),
        ("host17:3390", {}),
        ("", {}),
        (17, {}),
        ("host17", {"port": 70000}),
        ("host17", {"port": "many"}),
        ("192.0.2.300", {}),
        ("17", {}),
        ("host17", {"udp": "false"}),
        ("host17", {"port": True}),
        ("host17", {"port": -1}),
        ("host17", {"gateway": "rdgw;x"}),
        ("host17", {"gateway": "rdgw:"}),
        ("host17", {"gateway": ":8443"}),
        ("host17", {"gateway": "rdgw:70000"}),
        ("host17", {"gateway": "rdgw:0"}),
        ("host17", {"gateway": "rdgw:8443:1"}),
        ("host17", {"extra": {"screen mode id": "window"}}),
        ("host17", {"extra": {"Use Multimon": "True"}}),
        ("host17", {"extra": {7: 1}}),
        ("host17", {"authentication": "always"}),
        ("host17", {"extra": {"password 51": "01"}}),
        ("host17", {"extra": {"a:b": 1}}),
        ("host17", {"extra": {"audiomode": "0\r\nfull address:s:elsewhere"}}),
        ("host17", {"extra": {"audiomode": None}}),
    ],
)
def test_what_makes_no_file_is_refused(host, given):
    with pytest.raises(AnsibleFilterError, match="to_rdp_file"):
        write(host, **given)


def test_a_file_as_clients_save_it():
    text = "\ufeffscreen mode id:i:2\r\nFull Address:s:host17:3390\r\naudiomode:i:0\r\npassword 51:b:01AB\r\n\r\n"
    assert read(text) == {"screen mode id": 2, "full address": "host17:3390", "audiomode": 0}


SAVED = "full address:s:m\u00fcnchen.example\r\nscreen mode id:i:2\r\n"


@pytest.mark.parametrize(
    "saved", [SAVED.encode("utf-16"), SAVED.encode("utf-16-le"), ("\ufeff" + SAVED).encode("utf-16-be")]
)
def test_utf_16_is_understood_though_it_was_taken_for_utf_8(saved):
    assert read(to_text(saved)) == {"full address": "m\u00fcnchen.example", "screen mode id": 2}


def test_zero_bytes_that_are_no_utf_16_are_told_with_what_to_do():
    with pytest.raises(AnsibleFilterError, match="b64decode"):
        read("a\0b")


@pytest.mark.parametrize("text", ["full address", "a:i:x", "a:q:1", ":s:x", "x" * 70000, 7])
def test_what_is_no_file_is_told(text):
    with pytest.raises(AnsibleFilterError, match="from_rdp_file"):
        read(text)


values = st.integers(-(10**9), 10**9) | st.text(st.characters(min_codepoint=32, max_codepoint=126))


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9 ]{0,20}[a-z0-9]", fullmatch=True), values))
def test_what_is_written_is_read_back(extra):
    assert read(write("host17", extra=extra)) == {**read(write("host17")), **extra}


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        found = read(text)
    except AnsibleFilterError:
        return
    assert "password 51" not in found
