# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the pages of the documentation that are made from the collection's own tables.

``make pages`` writes them; a test tells when they are not up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.causes import CAUSES, Cause
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.codes import (
    CODES,
    Code,
    Kind,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.explain import explain
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.facts import Facts
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.families import FAMILIES, Family
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import (
    FirewallState,
    Observation,
    ProfileState,
    SettingState,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.reading import ABSENT
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS, Rule, Setting
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest import (
    CHECKS,
    DISPOSABLE_CHECKS,
    LAB_CHECKS,
    UNSEEN,
    Check,
    LabCheck,
)
from ansible_collections.winfleet.rdp.plugins.plugin_utils._selftest.account import MEMBERSHIP, REFUSAL

from scripts import tree_of_readers
from scripts.live_view import ROOT

RST = ROOT / "docs" / "docsite" / "rst"

INTRODUCTION = """\
A code is a symptom. The filter :ansplugin:`winfleet.rdp.explain_code#filter` says of one what stands here, and the
module :ansplugin:`winfleet.rdp.diagnosis_info#module` finds the cause. Codes in italics have no public documentation;
what is said about them comes from reports of users.
"""

KINDS: Mapping[Kind, tuple[str, str]] = {
    "disconnect": ("Error codes", "What ``mstsc.exe`` calls error code, and event 1026 of the client its reason."),
    "extended": ("Extended error codes", "What the host sent, or what the client filled in."),
    "negotiation": ("Negotiation failures", "What a host answers to a request for a security protocol."),
    "gateway": (
        "Codes of an RD Gateway",
        "In decimal in its events 201, 301 and 304. Clients show them as a Windows status, with ``0x8007`` before.",
    ),
    "status": ("Windows status codes", "Seen in event 4625, in ``TermDD`` 56 and in the texts of CredSSP."),
}


def error_codes() -> str:
    """The codes of clients, by kind and by the family that says what to look at."""
    return "\n".join((*page("error_codes", "Error codes of Remote Desktop clients"), *_codes_body()))


def _codes_body() -> Iterator[str]:
    yield INTRODUCTION
    yield from _pair()
    for kind, (title, text) in KINDS.items():
        yield from ("", *heading(title, "-"), text, "")
        yield from table(("Code", "Decimal", "Name", "Meaning", "Class"), map(_code_row, CODES[kind].values()))
    yield from ("", *heading("Classes", "-"), "What to look at, the likeliest causes first.")
    for name, family in FAMILIES.items():
        yield from _family(name, family)


def _pair() -> Iterator[str]:
    """The pair that this collection is named for, as the filter tells it."""
    told = explain("0x904", "0x7")
    yield from (*heading("Error code 0x904, extended error code 0x7", "-"), told["note"], "")
    yield f"It says that {told['meaning']} and that {told['extended']['meaning']}. The likeliest causes are these:"
    yield from ("", *(f"#. ``{cause['id']}``: {cause['title']}" for cause in told["causes"][:LIKELIEST]))
    yield from ("", "All of them are in the class `dropped`_. To tell them apart:", "")
    yield from (f"* {evidence}" for evidence in told["gather"])


LIKELIEST = 10
"""Causes of the pair that its own section names."""


def _code_row(code: Code) -> tuple[str, ...]:
    number = f"``0x{code.number:X}``" if code.documented else f"*0x{code.number:X}*"
    name = f"``{code.name}``" if code.name else ""
    first = f"; first {', '.join(f'``{cause}``' for cause in code.likely)}" if code.likely else ""
    return number, str(code.number), name, code.meaning, f"`{code.family}`_{first}"


def _family(name: str, family: Family) -> Iterator[str]:
    """One class: what its codes say, then its causes and what tells them apart, an item each."""
    yield from ("", *heading(name, "^"), _sentence(family.title))
    if family.causes:
        yield from ("", "Causes:", "", *(f"#. ``{cause}``: {CAUSES[cause].title}" for cause in family.causes))
    if family.gather:
        yield from ("", "Evidence:", "", *(f"* {evidence}" for evidence in family.gather))


# --- causes

CAUSES_INTRODUCTION = """\
What the module :ansplugin:`winfleet.rdp.diagnosis_info#module` looks for, by the stage of a connection that it breaks.
A cause is listed only where there is evidence for it. One that a later stage of the handshake has got past is called
unrelated; one that is a hint alone is called contributing. What cures it stands in the order in which it is tried, the
smallest first, with the risk of the cure; where a benchmark has an item about what was found, it is named.
"""

RULED_OUT = "A handshake that gets past this stage rules these out as the reason for a failure."
NOT_RULED_OUT = "No handshake rules these out; that holds which verifies the cure does."

BREAKS: Mapping[str, str] = {
    "name": "The name leads to no address.",
    "tcp": "The port does not open.",
    "x224": "The host does not negotiate.",
    "tls": "The host's TLS does not come up.",
    "ntlm": "Network Level Authentication does not begin.",
    "session": "Behind the handshake, where no probe sees it: a logon, a session, other hosts.",
}


UNTOLD: Mapping[str, str] = {
    "A name that the DNS client remembers with an old address": "Nothing on the host tells what the name should lead "
    "to. :ansplugin:`winfleet.rdp.network_stack#module` compares the names that it is given with the controller's "
    "resolver.",
    "Too little bandwidth": "A handshake shows loss and latency, not how much gets through.",
    "A full system disk": "It is the reason why a certificate or key cannot be renewed, and is named where that is "
    "refused.",
    "A pinned certificate that has expired, a key that was not imported": "They show as a listener's "
    "certificate that has expired and as a private key that is gone.",
    "A gateway's certificate with another name, the port or the UDP of a gateway": "What is right is known to its "
    "administrator alone. :ansplugin:`winfleet.rdp.gateway#module` compares them with what it is told.",
    "A user's own settings, and those of an .rdp file": "They lie in profiles and files of users, which are not read. "
    ":ansplugin:`winfleet.rdp.from_rdp_file#filter` reads a file that is at hand.",
    "The connection broker of a farm": "Which host a session belongs to is known to the broker alone; a host that it "
    "names wrongly is in order by itself. That a host tells its broker an address that it no longer has is a cause.",
}
"""What may be at fault and is no cause of its own, and why."""


def causes() -> str:
    """The table of causes."""
    return "\n".join((*page("causes", "Causes that are known"), *_causes_body()))


def _causes_body() -> Iterator[str]:
    yield CAUSES_INTRODUCTION
    for stage, text in BREAKS.items():
        ruled_out = NOT_RULED_OUT if stage == "session" else RULED_OUT
        yield from ("", *heading(f"Stage {stage}", "-"), f"{text} {ruled_out}", "")
        rows = (_cause_row(cause) for cause in CAUSES.values() if cause.stage == stage)
        yield from table(("Cause", "What it is", "Cured by", "How to verify", "Benchmarks", "Sources"), rows)
    yield from ("", *heading("What is no cause of its own", "-"))
    yield from table(("What may be at fault", "Why it is not listed"), UNTOLD.items())


def _cause_row(cause: Cause) -> tuple[str, ...]:
    remedies = dict.fromkeys(f":ansplugin:`winfleet.rdp.{cure.remedy}#module`" for cure in cause.cures)
    tried = [f"{', '.join(remedies)} (risk: {_risk(cause)})"] if remedies else []
    cured = "; ".join([*tried, *([cause.by_hand] if cause.by_hand else [])])
    links = ", ".join(f"`{number} <{source}>`__" for number, source in enumerate(cause.sources, 1))
    kind = f"{cause.severity}{'; a hint alone' if cause.contributes else ''}{_seen_elsewhere(cause)}"
    what = f"{_sentence(cause.title)[:-1]} ({kind})"
    return f"``{cause.id}``", what, cured, cause.verify, _benchmarks(cause), links


def _risk(cause: Cause) -> str:
    """The risk of its cures; where what they open depends on the host, both."""
    public = FirewallState((), {}, ("public",), running=True)
    opens = cause.exposes(Facts(Observation("", firewall=public)))
    return f"{cause.risk}, high where it opens public networks" if opens else cause.risk


def _seen_elsewhere(cause: Cause) -> str:
    """What no handshake of the prober rules out though it breaks an early stage."""
    return "; no handshake from one place rules it out" if cause.always and cause.stage != "session" else ""


def _benchmarks(cause: Cause) -> str:
    """The items that the finding names, whatever it is that was found, on a client, which has the most of them."""
    guarded = ProfileState("public", enabled=True, inbound=None, local_rules=False, exceptions=None)
    firewall = FirewallState((), {"public": guarded}, ("public",), running=True)
    anything = Observation("", settings={name: SettingState(ABSENT) for name in SETTINGS}, firewall=firewall)
    return "; ".join(f"{item.benchmark}: {item.item}" for item in cause.touches(Facts(anything)))


# --- readers


def readers() -> str:
    """What is read of a host, and what makes it read more."""
    return "\n".join((*page("readers", "What is read of a host"), *tree_of_readers.text())).rstrip("\n")


# --- settings

SETTINGS_INTRODUCTION = """\
What governs Remote Desktop, as the module :ansplugin:`winfleet.rdp.host_info#module` reads it. A value that a policy
sets wins over the one that is stored; it is never written under.
"""

EFFECTS: Mapping[str, str] = {
    "at_once": "at once",
    "service_restart": "after a restart of ``TermService``",
    "reboot": "after a reboot",
    "unsettled": "sources differ; the handshake shows it, and ``TermService`` is restarted only where it is not live",
}


def settings() -> str:
    """The catalogue of settings."""
    return "\n".join((*page("settings", "Settings of Remote Desktop"), *_settings_body()))


def _settings_body() -> Iterator[str]:
    yield SETTINGS_INTRODUCTION
    for setting in SETTINGS.values():
        yield from ("", *heading(setting.id, "-"), _sentence(setting.meaning), "")
        yield from table(("What", "Is"), _setting_rows(setting))


def _setting_rows(setting: Setting) -> Iterator[tuple[str, str]]:
    place = "none; policy alone decides" if setting.by_policy_alone else f"``{setting.path}``"
    yield "Registry value", f"{place} ({setting.type})"
    if setting.choices:
        yield "Values", ", ".join(f"{number} {word}" for number, word in setting.choices.items())
    yield "Without the value", "not settled" if setting.default is None else setting.word(setting.default)
    yield "Takes effect", EFFECTS[setting.effect]
    if setting.policy:
        yield "Policy", f"``{setting.policy.gpo}``"
        yield "Policy value", f"``{setting.policy.path}``"
    yield from (("Benchmark", _rule(rule)) for rule in setting.rules)


def _rule(rule: Rule) -> str:
    wanted = f"{rule.exactly}" if rule.exactly is not None else f"{rule.least} or more"
    return f"{rule.benchmark}: {rule.item} wants {wanted}{', on clients alone' if rule.clients_only else ''}"


def _sentence(text: str) -> str:
    """With a capital letter, unless it begins with the name of a value, such as fDenyTSConnections."""
    return f"{text if text[1:2].isupper() else text[0].upper() + text[1:]}."


# --- the self-test

LAB = "Changes settings of the listener for a moment and restarts it, on lab hosts that nobody uses."
DISPOSABLE = "Cannot be undone, or reboots the host; after the lab half, where the option ``disposable`` says so."
ACCOUNT = "Instead of all that, where the connection has such an account and the option ``account`` says so."
STILL_OPEN = "These facts stay open as well. The collection works either way."
SELFTEST_INTRODUCTION = """\
No public source settles these facts, or much is built upon them. The module
:ansplugin:`winfleet.rdp.selftest#module` asks a real host. Results are welcome, most of all where something deviates.
"""

HALVES: Mapping[bool, tuple[str, str]] = {
    False: ("Read half", "Changes nothing."),
    True: ("Write half", "Works on objects of its own and takes them away again."),
}


def selftest() -> str:
    """What the self-test checks, and what each finding means."""
    return "\n".join((*page("selftest", "What the self-test settles"), *_selftest_body()))


def _selftest_body() -> Iterator[str]:
    yield SELFTEST_INTRODUCTION
    for writes, (title, text) in HALVES.items():
        yield from ("", *heading(title, "-"), text, "")
        rows = (_check_row(check) for check in CHECKS if check.writes is writes)
        yield from table(("Check", "Question", "Expected", "Findings"), rows)
    yield from ("", *heading("Lab half", "-"), LAB, "")
    yield from table(("Check", "Question", "Expected", "Findings"), map(_check_row, LAB_CHECKS))
    yield from ("", *heading("Disposable hosts", "-"), DISPOSABLE, "")
    yield from table(("Check", "Question", "Expected", "Findings"), map(_check_row, DISPOSABLE_CHECKS))
    yield from ("", *heading("Account without rights", "-"), ACCOUNT, "")
    yield from table(("Check", "Question", "Expected", "Findings"), map(_check_row, (REFUSAL, MEMBERSHIP)))
    yield from ("", *heading("What it does not settle", "-"), STILL_OPEN, "")
    yield from table(("Question", "Why it is not asked"), ((fact.asks, fact.why) for fact in UNSEEN.values()))


def _check_row(check: Check | LabCheck) -> tuple[str, ...]:
    expected = check.expected
    if isinstance(check, Check) and check.before_2019:
        expected += f"; {check.before_2019} before Windows 10 1809 and Server 2019"
    findings = "; ".join(f"*{found}*: {meaning}" for found, meaning in check.means.items())
    return f"``{check.name}``", check.asks, expected, findings


# --- reStructuredText


def page(name: str, title: str) -> Iterator[str]:
    """How every page begins."""
    yield ".."
    # REUSE-IgnoreStart
    yield "  Copyright (c) 2026, winfleet.rdp contributors"
    yield "  GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)"
    yield "  SPDX-License-Identifier: GPL-3.0-or-later"
    # REUSE-IgnoreEnd
    yield ""
    yield "  Written by a command of the Makefile; do not edit."
    yield from ("", f".. _ansible_collections.winfleet.rdp.docsite.{name}:", "")
    yield from (*heading(title, "="), ".. contents::", "  :local:", "")


def heading(title: str, line: str) -> tuple[str, str, str]:
    """A title with its line and a blank one."""
    return title, line * len(title), ""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A list-table."""
    yield from (".. list-table::", "  :header-rows: 1", "")
    for row in (head, *rows):
        yield from (f"  {'* -' if index == 0 else '  -'} {cell}".rstrip() for index, cell in enumerate(row))


PAGES: Mapping[str, Callable[[], str]] = {
    "causes": causes,
    "error_codes": error_codes,
    "readers": readers,
    "selftest": selftest,
    "settings": settings,
}


def main() -> None:
    """Write every page."""
    for name, text in PAGES.items():
        (RST / f"{name}.rst").write_text(text() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
