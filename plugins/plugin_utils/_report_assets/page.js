// Copyright (c) 2026, winfleet.rdp contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Shows the report that stands in the element "data", as _report_page.py makes it. All text comes on the page as text:
// elements are made, never parsed. Rows are made as they come into view, so that thousands of hosts open at once.

"use strict";

(() => {
  const CHUNK = 100;
  const report = JSON.parse(document.getElementById("data").textContent);
  const verdicts = Object.keys(report.verdicts);
  const byName = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  // --- elements

  const place = (id) => document.getElementById(id);

  /** An element with properties (aria-… and data-… as attributes) and children; texts become text, nothing is left out. */
  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "share") element.style.setProperty("--share", value);
      else if (name.includes("-")) element.setAttribute(name, value);
      else element[name] = value;
    }
    element.append(...children.flat().filter((child) => child !== "" && child !== null));
    return element;
  }

  const words = (name) => name.replaceAll("_", " ");
  const number = (value) => value.toLocaleString("en");
  const hosts = (count) => `${number(count)} host${count === 1 ? "" : "s"}`;
  const moment = (at) => (at ? `${at.slice(0, 10)} ${at.slice(11, 16)}` : "");
  const toned = (tone, ...children) => make("span", { className: `badge tone-${tone}` }, ...children);
  const said = (text) => make("bdi", {}, text);
  const quiet = (text) => make("bdi", { className: "quiet" }, text);
  /** A name that may be broken after its dots and backslashes alone. */
  const broken = (name) => make("bdi", {}, name.split(/(?<=[.\\])/).flatMap((label) => [label, make("wbr")]));

  // --- the hosts

  for (const host of report.hosts) {
    host.findings = host.findings.map((finding) => ({ ...report.causes[finding.cause], ...finding }));
    host.direct = host.findings.filter((finding) => finding.relation === "direct");
    host.causes = new Set(host.direct.map((finding) => finding.id));
  }

  const texts = new WeakMap();

  /** All that is said of a host in lower case, formed when it is first searched. */
  function textOf(host) {
    if (!texts.has(host)) texts.set(host, textsIn(host).join("\n").toLowerCase());
    return texts.get(host);
  }

  function textsIn(value) {
    if (typeof value === "string") return [value];
    return value && typeof value === "object" ? Object.values(value).flatMap(textsIn) : [];
  }

  const COLUMNS = [
    { id: "host", title: "Host", compare: (a, b) => byName.compare(a.host, b.host) },
    { id: "verdict", title: "Verdict", compare: (a, b) => verdicts.indexOf(a.verdict) - verdicts.indexOf(b.verdict) },
    { id: "wrong", title: "What was wrong", compare: (a, b) => byName.compare(a.wrong, b.wrong) },
    { id: "done", title: "What is done about it", compare: (a, b) => byName.compare(a.done, b.done) },
    { id: "proof", title: "Handshake", compare: (a, b) => byName.compare(a.proof, b.proof) },
    { id: "at", title: "Seen (UTC)", compare: (a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)) },
  ];

  // --- what is looked at: it stands in the address as well, so that it can be kept and sent

  const view = { query: "", verdicts: new Set(), cause: "", step: "", sort: "verdict", down: false, open: new Set() };
  let matching = [];
  let shown = 0;

  function readAddress() {
    const address = new URLSearchParams(location.hash.slice(1));
    const known = (address.get("verdict") ?? "").split(",").filter((name) => name in report.verdicts);
    view.query = address.get("q") ?? "";
    view.verdicts = new Set(known);
    view.cause = address.get("cause") ?? "";
    view.step = address.get("next") ?? "";
    const sort = address.get("sort") ?? "";
    view.down = sort.startsWith("-");
    view.sort = COLUMNS.find((column) => column.id === sort.replace("-", ""))?.id ?? "verdict";
  }

  function writeAddress() {
    const sort = (view.down ? "-" : "") + view.sort;
    const parts = { q: view.query, verdict: [...view.verdicts].join(","), cause: view.cause, next: view.step, sort: sort === "verdict" ? "" : sort };
    const address = new URLSearchParams(Object.entries(parts).filter(([, value]) => value));
    history.replaceState(null, "", `#${address}`);
  }

  function matches(host, terms) {
    return (!view.verdicts.size || view.verdicts.has(host.verdict))
      && (!view.cause || host.causes.has(view.cause))
      && (!view.step || host.steps.includes(view.step))
      && terms.every((term) => textOf(host).includes(term));
  }

  function chosen() {
    const terms = view.query.toLowerCase().split(/\s+/).filter(Boolean);
    const { compare } = COLUMNS.find((column) => column.id === view.sort);
    const sign = view.down ? -1 : 1;
    return report.hosts.filter((host) => matches(host, terms)).sort((a, b) => sign * compare(a, b) || byName.compare(a.host, b.host));
  }

  /** Show what is to be looked at now. */
  function refresh() {
    matching = chosen();
    place("rows").replaceChildren();
    shown = 0;
    showMore();
    showState();
    writeAddress();
  }

  function showMore(count = CHUNK) {
    const next = matching.slice(shown, shown + count);
    place("rows").append(...next.flatMap(rowsOf));
    shown += next.length;
    place("more").hidden = shown === matching.length;
  }

  function showState() {
    const all = report.hosts.length;
    place("found").textContent = matching.length === all ? hosts(all) : `${number(matching.length)} of ${hosts(all)}`;
    place("clear").hidden = matching.length === all && !view.query && !view.verdicts.size && !view.cause && !view.step;
    for (const button of document.querySelectorAll("[aria-pressed]")) button.setAttribute("aria-pressed", isChosen(button.dataset));
    for (const header of place("columns").children) {
      const sorted = header.dataset.column === view.sort;
      header.setAttribute("aria-sort", sorted ? (view.down ? "descending" : "ascending") : "none");
    }
  }

  const isChosen = ({ verdict, cause, step }) => Boolean(
    (verdict && view.verdicts.has(verdict)) || (cause && view.cause === cause) || (step && view.step === step));

  // --- rows

  function rowsOf(host) {
    const open = view.open.has(host.host);
    const button = make("button", { type: "button", className: "open", "aria-label": host.host, "aria-expanded": open, onclick: () => toggle(host, row, button) }, broken(host.host));
    const row = make("tr", { className: "host" },
      make("th", { scope: "row" }, button),
      make("td", {}, toned(report.verdicts[host.verdict].tone, words(host.verdict))),
      make("td", {}, clamped(host.wrong)),
      make("td", {}, clamped(host.planned && host.changes.length ? `planned: ${host.done}` : host.done)),
      make("td", {}, clamped(host.proof)),
      make("td", { className: "when" }, moment(host.at)));
    return open ? [row, detailOf(host)] : [row];
  }

  const clamped = (text) => make("bdi", { className: "clamp", title: text.length > 60 ? text : "" }, text);

  function toggle(host, row, button) {
    const opening = !view.open.delete(host.host);
    if (opening) {
      view.open.add(host.host);
      row.after(detailOf(host));
    } else {
      row.nextElementSibling.remove();
    }
    button.setAttribute("aria-expanded", opening);
  }

  function detailOf(host) {
    const verdict = report.verdicts[host.verdict];
    const about = [host.identity, host.run && `run ${host.run}`].filter(Boolean).join(" \u00b7 ");
    return make("tr", { className: "detail" }, make("td", { colSpan: COLUMNS.length },
      part("", make("p", {}, `${words(host.verdict)}: ${verdict.means}. ${verdict.next}`), about ? make("p", { className: "quiet" }, said(about)) : ""),
      part("Evidence", host.findings.map((finding) => findingOf(host, finding))),
      part(host.planned ? "Changes that would be made" : "Changes", changesOf(host.changes)),
      part(`Changes of the last repair, ${moment(host.repair?.at)} UTC`, host.repair && host.planned ? changesOf(host.repair.changes) : ""),
      part("Handshake, stage by stage", host.stages.length ? make("p", { className: "stages" }, host.stages.map(([stage, how]) => make("span", {}, `${stage}: `, said(words(how))))) : ""),
      part("Held by policy", list(host.held.map((held) => `${held.policy || held.path} sets ${held.value} instead of ${held.wanted}${held.owner ? ` (${held.owner})` : ""}${held.state === "policy_orphaned" ? "; nobody was found who owns it" : ""}`))),
      part("Leases", list(host.leases.map((lease) => `${lease.path}: ${words(lease.standing)}, until ${moment(lease.until)} UTC`))),
      part("Waits for", list(host.why)),
      part("Not done", list(host.refused)),
      part("Compliance", list(host.compliance.map((item) => `${host.planned ? "would " : ""}${host.planned ? item.effect.slice(0, -1) : item.effect} ${item.benchmark}: ${item.item}`))),
      part("Open questions", list(host.questions)),
      part("Notes", list(host.notes))));
  }

  /** A part of a host's details, or nothing where there is nothing to say. */
  function part(title, ...content) {
    const children = content.flat().filter(Boolean);
    return children.length ? make("section", {}, title ? make("h3", {}, title) : "", ...children) : "";
  }

  const list = (entries) => (entries.length ? make("ul", {}, entries.map((entry) => make("li", {}, said(entry)))) : "");

  const TONES = { direct: "bad", contributing: "wait", unrelated: "held" };

  function findingOf(host, finding) {
    const cured = finding.relation === "direct" && !host.left.includes(finding.id);
    const rows = finding.evidence.map(([what, value, source]) => make("tr", {},
      make("td", {}, said(what)), make("td", { className: "code" }, said(value)), make("td", { className: "quiet" }, said(source))));
    return make("div", { className: `finding tone-${cured ? "good" : TONES[finding.relation]}` },
      make("h4", {}, said(finding.title)),
      toned(cured ? "good" : TONES[finding.relation], cured ? "cured" : finding.relation),
      make("span", { className: "quiet" }, `  ${finding.confidence} confidence, ${finding.severity} severity, stage ${finding.stage}`),
      rows.length ? make("table", {}, headed(["What was seen", "Value", "Where"]), make("tbody", {}, rows)) : "",
      finding.by_hand && !cured ? make("p", {}, "By hand: ", said(finding.by_hand)) : "",
      finding.hides && !cured ? make("p", { className: "quiet" }, "More may be wrong behind it, which cannot be seen before it is gone.") : "",
      benchmarksOf(finding.compliance ?? [], cured),
      make("p", { className: "quiet" }, "Verify with ", said(finding.verify), sourcesOf(finding.sources)));
  }

  const PAST = { breaks: "broke", meets: "met", touches: "touched" };

  /** What benchmarks say of the state that was found; the reader decides with it whether a cure is wanted. */
  const benchmarksOf = (items, past) => (items.length ? make("ul", { className: "benchmarks" }, items.map((item) => make("li", {},
    toned({ breaks: "bad", meets: "good" }[item.effect] ?? "held", (past && PAST[item.effect]) || item.effect), " ", said(item.item), " ", quiet(item.benchmark)))) : "");

  const sourcesOf = (sources) => sources.flatMap((source, index) => [index ? ", " : ". Source: ",
    source.startsWith("https://") ? make("a", { href: source, rel: "noreferrer noopener" }, new URL(source).hostname) : said(source)]);

  const headed = (titles) => make("thead", {}, make("tr", {}, titles.map((title) => make("th", { scope: "col" }, title))));

  function changesOf(changes) {
    const rows = changes.map((change) => make("tr", {},
      make("td", {}, broken(change.item)),
      make("td", {}, change.kind === "restart" ? "" : make("del", {}, said(change.before))),
      make("td", {}, make("ins", {}, change.kind === "restart" ? "restarted" : said(change.after))),
      make("td", {}, said(change.reason)),
      make("td", {}, `${change.risk} risk, ${change.undo === "exact" ? "can be undone" : "needs no undoing"}`)));
    return rows.length ? make("table", { className: "fixed" }, headed(["Item", "Before", "After", "Why", "Risk"]), make("tbody", {}, rows)) : "";
  }

  // --- the fleet at a glance

  function countBy(keysOf) {
    const counts = new Map();
    for (const host of report.hosts) for (const key of keysOf(host)) counts.set(key, (counts.get(key) ?? 0) + 1);
    return counts;
  }

  function showHealth() {
    const counts = countBy((host) => [host.verdict]);
    const present = verdicts.filter((name) => counts.has(name)).reverse();
    place("bar").append(...present.map((name) => make("span", { className: `tone-${report.verdicts[name].tone}`, share: counts.get(name), title: `${words(name)}: ${counts.get(name)}` })));
    place("verdicts").append(...present.map((name) => {
      const { tone, means } = report.verdicts[name];
      return make("li", {}, make("button", { type: "button", className: `tone-${tone}`, title: means, "aria-pressed": false, "data-verdict": name, onclick: () => choose("verdicts", name) },
        make("span", { className: "dot", "aria-hidden": true }), words(name), make("b", {}, number(counts.get(name)))));
    }));
    const well = report.hosts.filter((host) => report.verdicts[host.verdict].tone === "good").length;
    place("well").textContent = `${number(well)} of ${hosts(report.hosts.length)} healthy or repaired`;
    const moments = report.hosts.map((host) => moment(host.at)).sort();
    const [first, last] = [moments[0], moments.at(-1)];
    place("when").textContent = moments.length ? `${hosts(moments.length)}, seen ${first === last ? "" : `from ${first} to `}${last} UTC` : "No hosts yet.";
  }

  function showCauses() {
    const counts = countBy((host) => host.causes);
    const still = countBy((host) => host.left.filter((id) => host.causes.has(id)));
    const titles = new Map(report.causes.map((cause) => [cause.id, cause.title]));
    const ordered = [...counts].sort(([a, one], [b, other]) => other - one || byName.compare(a, b));
    const most = ordered[0]?.[1] ?? 1;
    place("causes").append(...ordered.map(([id, count]) => {
      const open = still.get(id) ?? 0;
      return bar(titles.get(id), count, { "data-cause": id, onclick: () => choose("cause", id), "aria-label": `${titles.get(id)}: ${hosts(count)}, still there on ${open}` },
        [["bad", open / most], ["good", (count - open) / most]]);
    }));
    place("causes-key").hidden = !ordered.length;
    if (!ordered.length) place("causes").append(make("li", { className: "quiet" }, "No cause was found."));
  }

  function showSteps() {
    const counts = countBy((host) => host.steps);
    const present = Object.keys(report.steps).filter((step) => counts.has(step));
    const most = Math.max(1, ...counts.values());
    place("steps").append(...present.map((step) => bar(report.steps[step], counts.get(step),
      { "data-step": step, onclick: () => choose("step", step), "aria-label": `${report.steps[step]}: ${hosts(counts.get(step))}` }, [["wait", counts.get(step) / most]])));
    if (!present.length) place("steps").append(make("li", { className: "quiet" }, "Nothing is left to do."));
  }

  function bar(title, count, properties, shares) {
    return make("li", {}, make("button", { type: "button", "aria-pressed": false, ...properties },
      said(title), make("span", { className: "count" }, number(count)),
      make("span", { className: "track" }, shares.filter(([, share]) => share).map(([tone, share]) => make("span", { className: `tone-${tone}`, share: `${100 * share}%` })))));
  }

  function showLeases() {
    const running = report.hosts.flatMap((host) => host.leases.filter((lease) => lease.weakens).map((lease) => [host.host, lease]));
    running.sort(([, a], [, b]) => (a.until < b.until ? -1 : Number(a.until > b.until)));
    place("leases").append(...running.map(([host, lease]) => make("li", {},
      broken(host), toned(lease.standing === "running" ? "held" : "bad", words(lease.standing)),
      quiet(words(lease.setting)), quiet(`until ${moment(lease.until)} UTC`))));
    place("leases").closest("section").hidden = !running.length;
  }

  function showCompliance() {
    const counts = countBy((host) => host.compliance.map((item) => JSON.stringify([host.planned, item.effect, item.benchmark, item.item])));
    const ordered = [...counts].map(([key, count]) => [...JSON.parse(key), count]).sort((a, b) => byName.compare(a.join(" "), b.join(" ")));
    place("compliance").append(...ordered.map(([planned, effect, benchmark, item, count]) => make("li", {},
      said(item), toned(effect === "breaks" ? "bad" : "good", planned ? `would ${effect.slice(0, -1)}` : effect),
      quiet(benchmark), quiet(hosts(count)))));
    place("compliance").closest("section").hidden = !ordered.length;
  }

  function showClones() {
    place("clones").append(...report.clones.map((names) => make("li", {}, names.flatMap((name, index) => [index ? ", " : "", broken(name)]))));
    place("clones").closest("section").hidden = !report.clones.length;
  }

  /** Choose what is clicked, or take the choice back. */
  function choose(what, name) {
    if (what === "verdicts") view.verdicts.delete(name) || view.verdicts.add(name);
    else view[what] = view[what] === name ? "" : name;
    refresh();
  }

  function showColumns() {
    place("columns").append(...COLUMNS.map(({ id, title }) => make("th", { scope: "col", "data-column": id },
      make("button", { type: "button", onclick: () => sortBy(id) }, title))));
  }

  function sortBy(column) {
    view.down = view.sort === column && !view.down;
    view.sort = column;
    refresh();
  }

  function clear() {
    Object.assign(view, { query: "", verdicts: new Set(), cause: "", step: "" });
    place("query").value = "";
    refresh();
    place("query").focus();
  }

  /** The button may be used instead of scrolling; the first new row gets the focus then. */
  function moreRows() {
    const before = place("rows").children.length;
    showMore();
    place("rows").children[before]?.querySelector("button")?.focus();
  }

  function listen() {
    place("query").addEventListener("input", (event) => {
      view.query = event.target.value;
      refresh();
    });
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      place("hosts").focus();
    });
    place("clear").addEventListener("click", clear);
    place("more-rows").addEventListener("click", moreRows);
    new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && showMore(), { rootMargin: "800px" }).observe(place("more"));
    window.addEventListener("beforeprint", () => showMore(matching.length));
    window.addEventListener("hashchange", start);
  }

  function start() {
    readAddress();
    place("query").value = view.query;
    refresh();
  }

  showHealth();
  showCauses();
  showSteps();
  showLeases();
  showCompliance();
  showClones();
  showColumns();
  listen();
  start();
})();
