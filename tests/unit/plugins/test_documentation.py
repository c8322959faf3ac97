# Copyright (c) 2026, winfleet.rdp contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules' documentation says, held against what their actions take and give.

The modules are documentation alone, so ansible-test's validate-modules has no argument spec to compare it with.
"""

from __future__ import annotations

import ast
import importlib
import re
import typing as t
from copy import deepcopy
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.winfleet.rdp.plugins.plugin_utils import _result
from ansible_collections.winfleet.rdp.plugins.plugin_utils._course import Course
from ansible_collections.winfleet.rdp.plugins.plugin_utils._diagnosis.verdict import VERDICTS, Standing
from ansible_collections.winfleet.rdp.plugins.plugin_utils._job import Done
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.change import GatewayKind, HostKind, KeyKind, Plan
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.observation import Observation
from ansible_collections.winfleet.rdp.plugins.plugin_utils._model.settings import SETTINGS
from ansible_collections.winfleet.rdp.plugins.plugin_utils._remedies import REMEDIES
from ansible_collections.winfleet.rdp.plugins.plugin_utils._report import VERDICTS as REPORTED
from ansible_collections.winfleet.rdp.plugins.plugin_utils._undoing import Undoing

PLUGINS = "ansible_collections.winfleet.rdp.plugins"
HERE = "winfleet.rdp."
BUILTIN = "ansible.builtin."
MODULES = sorted(path.stem for path in (Path(__file__).parents[3] / "plugins" / "modules").glob("[!_]*.py"))
ACTIONS = [name for name in MODULES if name != "probe_info"]
"""probe_info is a module of its own as well, which validate-modules holds to its argument spec."""

COMMON = {"type": "str", "required": False, "choices": None, "default": None, "elements": None}
ATTRIBUTES = {
    "action",
    "action_group",
    "async",
    "become",
    "bypass_host_loop",
    "check_mode",
    "connection",
    "delegation",
    "diff_mode",
    "idempotent",
    "platform",
}

STANDING = Standing(Observation("2026-06-01T12:00:00Z"), ())
RESULTS = {
    "host_info": _result.observed(STANDING.observation),
    "diagnosis_info": _result.diagnosed(STANDING),
    "remediate": _result.remediated(Course(STANDING, STANDING), "run"),
    "rollback": _result.rolled_back(Undoing(), False, [], "run"),
    "selftest": _result.tested(_result.windows(Mock(), 1), []),
    **{
        name: _result.fixed(
            Plan(),
            Done(
                leases=() if "leases" in remedy.areas else None,
                shown=remedy.shows(STANDING.observation) if remedy.shows else {},
            ),
            "run",
        )
        for name, remedy in REMEDIES.items()
    },
}
"""A result of each module, as its action forms it."""


def load(name, variable):
    return yaml.safe_load(getattr(importlib.import_module(f"{PLUGINS}.modules.{name}"), variable))


def fragment(name):
    plugins = "ansible.plugins" if name.startswith(BUILTIN) else PLUGINS
    module, _dot, variable = name.removeprefix(BUILTIN).removeprefix(HERE).partition(".")
    cls = importlib.import_module(f"{plugins}.doc_fragments.{module}").ModuleDocFragment
    return yaml.safe_load(getattr(cls, (variable or "documentation").upper()))


def documentation(name):
    doc = deepcopy(load(name, "DOCUMENTATION"))
    for part in map(fragment, doc["extends_documentation_fragment"]):
        for section in ("options", "attributes"):
            own = doc.get(section, {})
            given = part.get(section, {})
            doc[section] = {**own, **{key: {**entry, **own.get(key, {})} for key, entry in given.items()}}
    return doc


def spec(name):
    return importlib.import_module(f"{PLUGINS}.action.{name}").ActionModule.spec


def normal(option):
    found = {key: option.get(key, default) for key, default in COMMON.items()}
    return {**found, "choices": list(found["choices"]) if found["choices"] else None}


def test_the_modules_are_those_of_the_actions():
    actions = {path.stem for path in (Path(__file__).parents[3] / "plugins" / "action").glob("[!_]*.py")}
    assert actions == set(MODULES)


def test_the_action_group_has_every_module():
    runtime = yaml.safe_load((Path(__file__).parents[3] / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert sorted(runtime["action_groups"]["rdp"]) == MODULES


@pytest.mark.parametrize("name", ACTIONS)
def test_options_are_those_that_the_action_takes(name):
    documented = {option: normal(entry) for option, entry in documentation(name)["options"].items()}
    assert documented == {option: normal(entry) for option, entry in spec(name).items()}


@pytest.mark.parametrize("name", ACTIONS)
def test_every_option_is_described(name):
    assert all(entry["description"] for entry in documentation(name)["options"].values())


@pytest.mark.parametrize("name", MODULES)
def test_attributes_are_complete(name):
    attributes = documentation(name)["attributes"]
    assert set(attributes) == ATTRIBUTES
    assert all(entry["support"] and entry["description"] for entry in attributes.values())


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_the_result_is_what_the_documentation_returns(name):
    assert set(load(name, "RETURN")) == (set(RESULTS[name]) | {"operations"}) - {"changed"}


REMEDY_FILES = Path(__file__).parents[3] / "plugins" / "plugin_utils" / "_remedies"
ALL_KINDS = {*t.get_args(HostKind), *t.get_args(KeyKind), *t.get_args(GatewayKind)}
ANY_FIX = {"registry", "restart", "reboot"}
"""Kinds of changes that the code which all remedies share makes."""


def named_kinds(path):
    """The kinds of changes that a source names."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and node.value in ALL_KINDS} - ANY_FIX


def helpers(path):
    """The sources beside a remedy that it imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (path.parent / f"{name}.py" for name in names if name != "_base")


def documented_kinds(name):
    description = load(name, "RETURN")["changes"]["contains"]["kind"]["description"]
    return set(re.findall(r"V\((\w+)\)", " ".join([description] if isinstance(description, str) else description)))


@pytest.mark.parametrize("name", sorted(REMEDIES))
def test_the_kinds_of_changes_are_those_that_the_remedy_makes(name):
    settings = [SETTINGS[setting] for setting in REMEDIES[name].settings]
    path = REMEDY_FILES / f"{name}.py"
    own, possible = named_kinds(path), named_kinds(path).union(*map(named_kinds, helpers(path)))
    assert own <= documented_kinds(name) - ANY_FIX <= possible
    assert ("registry" in documented_kinds(name)) >= any(setting.id != "port" for setting in settings)
    assert ("restart" in documented_kinds(name)) >= any(setting.restart is not False for setting in settings)
    assert ("reboot" in documented_kinds(name)) >= any(setting.effect == "reboot" for setting in settings)


@pytest.mark.parametrize("name", ["remediate", "rollback"])
def test_what_works_for_all_fixes_explains_every_kind(name):
    assert documented_kinds(name) == ALL_KINDS


@pytest.mark.parametrize("name", ACTIONS)
def test_examples_are_accepted(name):
    tasks = [task for task in load(name, "EXAMPLES") if HERE + name in task]
    assert tasks
    for task in tasks:
        arguments = task[HERE + name] or {}
        assert set(arguments) <= set(spec(name)), task["name"]
        literal = {option: value for option, value in arguments.items() if "{{" not in str(value)}
        assert not ArgumentSpecValidator(dict(spec(name))).validate(literal).error_messages, task["name"]


NEVER = {
    "diagnosis_info": {"repaired", "improved", "needs_restart", "needs_reboot", "unreachable"},
    "remediate": {"unreachable"},
}
"""Verdicts that a module does not give; reports alone say unreachable."""


@pytest.mark.parametrize("name", sorted(NEVER))
def test_verdicts_are_explained(name):
    text = " ".join(load(name, "RETURN")["verdict"]["description"])
    assert {verdict for verdict in VERDICTS if f"V({verdict})" in text} == set(VERDICTS) - NEVER[name]


def test_the_report_knows_every_verdict():
    assert set(REPORTED) == set(VERDICTS)


ROLES = sorted((Path(__file__).parents[3] / "roles").iterdir())


def role_file(role, path):
    return yaml.safe_load((role / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_roles_defaults_are_those_that_it_documents(role):
    options = role_file(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    documented = {name: option["default"] for name, option in options.items() if "default" in option}
    assert role_file(role, "defaults/main.yml") == documented
    assert all(name.startswith(f"{role.name}_") for name in options)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_roles_readme_has_each_variable(role):
    options = role_file(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    text = (role / "README.md").read_text(encoding="utf-8")
    assert [name for name in options if f"`{name}`" not in text] == []


def test_the_remediate_role_uses_every_remedy():
    role = next(role for role in ROLES if role.name == "rdp_remediate")
    assert role_file(role, "defaults/main.yml")["rdp_remediate_remedies"] == list(REMEDIES)


def test_every_verdict_can_be_accepted():
    role = next(role for role in ROLES if role.name == "rdp_remediate")
    options = role_file(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert set(options["rdp_remediate_accept_verdicts"]["choices"]) == set(VERDICTS)
    # The role looks for a verdict in a list or in a string of them.
    assert [(one, other) for one in VERDICTS for other in VERDICTS if one != other and one in other] == []


LEFT_TO_MODULES = {
    ("remote_desktop", "state"): "a baseline has Remote Desktop on",
    ("firewall", "state"): "a baseline has Remote Desktop on",
    ("security_layer", "lease"): "weakens for a while",
    ("security_layer", "renew_lease"): "weakens for a while",
    ("security_layer", "accept_permanent_weakening"): "weakens",
    ("nla", "lease"): "weakens for a while",
    ("nla", "renew_lease"): "weakens for a while",
    ("nla", "accept_permanent_weakening"): "weakens",
    ("machine_keys", "method"): "a repair of one host",
    ("machine_keys", "accept_shared_keys"): "a repair of one host",
    ("network_stack", "dns"): "a repair of one host",
    ("network_stack", "names"): "the role decides on them as names of client_settings",
    ("network_stack", "winsock"): "a repair of one host",
}
"""Decisions that no wanted state of a fleet has."""


def tasks_of(node):
    """Every task of a role, however it is nested."""
    for task in node if isinstance(node, list) else ():
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part, []))


def decided():
    """The options of fixes that a role's variable decides."""
    for role in (role for role in ROLES if role.name in ("rdp_baseline", "rdp_client", "rdp_gateway")):
        for task in tasks_of(role_file(role, "tasks/main.yml")):
            for name in REMEDIES:
                arguments = task.get(HERE + name, {}).items()
                yield from ((name, option) for option, value in arguments if f"{role.name}_" in str(value))


NAMED_OTHERWISE = {
    ("schannel", "state"): "schannel",
    ("transport", "mode"): "transport",
    ("connection_limit", "pending"): "pending_connections",
    ("certificate", "state"): "certificate",
    ("machine_keys", "state"): "machine_keys",
    ("security_layer", "layer"): "security_layer",
    ("nla", "state"): "nla",
    ("report", "path"): "dir",
}
"""Options whose variable is the role's name and this, where it is not the option's own name."""

DECIDED_BY_THE_ROLE = {("rdp_client", "probe_from"): "none", ("rdp_gateway", "probe_from"): "none"}
"""Options that no variable of the role decides."""

ASKED_BY_THE_ROLE = {"rdp_diagnose_fail_on_findings", "rdp_remediate_accept_verdicts", "rdp_rollback_accept"}
"""Variables that no module is given."""


def wired(role):
    """Each task or block of a role that gives a module options: the module's name, the options, and its condition."""
    for task in tasks_of(role_file(role, "tasks/main.yml")):
        for where in (task, task.get("module_defaults", {})):
            for name, arguments in where.items():
                if name.startswith((HERE, f"group/{HERE}")):
                    yield name.removeprefix(HERE), arguments, str(task.get("when", ""))


def variables_of(role):
    return role_file(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]


def reads(role, variable):
    """How a task reads a role's variable: a decision where it is known to be a truth value, one without default if."""
    spec = variables_of(role)[variable]
    checked = "_" if spec["type"] == "bool" and spec.get("default") is False else ""
    lacking = not ({"default", "required"} & spec.keys() or variable.endswith("_run_id"))
    default = r"( \| default\(\w+(, true)?\))" + ("+" if lacking else "*" if spec.get("default") == "" else "{0}")
    return rf"{{{{ {checked}{variable}{default} }}}}"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_each_option_is_given_the_variable_of_its_name(role):
    given = set()
    for module, arguments, condition in wired(role):
        own = {option: f"{role.name}_{NAMED_OTHERWISE.get((module, option), option)}" for option in arguments}
        for option, value in arguments.items():
            fixed = DECIDED_BY_THE_ROLE.get((role.name, option))
            assert re.fullmatch(fixed or reads(role, own[option]), str(value)), (module, option, value)
            given |= set() if fixed else {own[option]}
        assert set(re.findall(rf"(?<!_){role.name}_\w+", condition)) <= set(own.values()), (module, condition)
    assert given == set(variables_of(role)) - ASKED_BY_THE_ROLE


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_decision_is_known_to_be_a_truth_value_by_its_own_variable(role):
    derived = role_file(role, "vars/main.yml") if (role / "vars/main.yml").exists() else {}
    for name in (name for name in variables_of(role) if f"_{name}" in derived and not name.endswith("_run_id")):
        assert derived[f"_{name}"].split() == f"{{{{ {name} if {name} is boolean else 'the text ' ~ {name} }}}}".split()


def test_every_decision_of_a_fix_has_a_variable():
    options = {(name, option) for name, remedy in REMEDIES.items() for option in remedy.options}
    assert options - set(decided()) == set(LEFT_TO_MODULES)


@pytest.mark.parametrize("key", ["leases", "logon_check", "policy_held", "refused"])
def test_what_two_modules_return_alike_they_document_alike(key: str) -> None:
    """Fragments extend options alone, not what is returned (ansible.utils.plugin_docs.add_fragments)."""
    returned = [
        yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.{name}").RETURN)
        for name in ("diagnosis_info", "remediate")
    ]
    first, second = (dict(found[key]) for found in returned)
    assert first == second
