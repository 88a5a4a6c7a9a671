// All queues in one table.

import { Component, html } from "./vendor/htm-preact-3.1.1.js";
import { duration, number, plural } from "./format.js";
import { CRITICAL, FINE, chosen, sorted } from "./model.js";
import { Command, Meter, Note, Sparkline, TONES, Workers } from "./parts.js";

const COLUMNS = [
  ["state", "State"],
  ["action", "Action"],
  ["waiting", "Waiting", "figure"],
  [null, "Last 10 min"],
  ["running", "Running", "figure"],
  ["oldest", "Longest wait", "figure"],
  ["expected", "Expected wait", "figure"],
  ["workers", "Workers", "figure"],
];
const FILTERS = [["all", "All"], ["busy", "Busy"], ["attention", "Needs attention"]];
const HELD_SECONDS = 3;

export const queueAddress = (ref) => `#/queue/${encodeURIComponent(ref)}`;

/** One queue. Drawn again only when something in it reads differently. */
class Row extends Component {
  shouldComponentUpdate(next) {
    return next.shown !== this.props.shown || next.selected !== this.props.selected || next.depths !== this.props.depths;
  }

  render({ each, pool, decision, depths, samples, selected }) {
    const { row, notes, severity } = each;
    const label = `Depth in the last ten minutes: now ${row.queue_length}, at most ${Math.max(row.queue_length, ...(depths ?? []))}`;
    return html`<tr class=${`${TONES[severity]} ${selected ? "selected" : ""} ${row.queue_length + row.active_count ? "" : "idle"}`} data-action=${row.action_ref}>
      <td class="state">${notes.length ? notes.map((note) => html`<${Note} note=${note} />`) : html`<span class="note ok">${row.queue_length + row.active_count ? "flowing" : "idle"}</span>`}</td>
      <th scope="row"><a href=${queueAddress(row.action_ref)} tabindex=${selected ? 0 : -1}>${row.action_ref}</a></th>
      <td class="figure waiting">${number(row.queue_length)}</td>
      <td><${Sparkline} depths=${depths} depth=${row.queue_length} samples=${samples} tone=${TONES[severity]} label=${label} /></td>
      <td class="figure running">${number(row.active_count)}<span class="faint"> / ${number(row.max_concurrent)}${row.lines > 1 ? ` × ${row.lines}` : ""}</span><${Meter} value=${row.active_count} limit=${row.max_concurrent * row.lines} /></td>
      <td class="figure">${duration(each.age)}</td>
      <td class="figure">${duration(row.estimated_wait_seconds)}</td>
      <td class="figure"><${Workers} pool=${pool} decision=${decision} />${decision && html`<span class="why" title=${decision.message}>${decision.reason}</span>`}</td>
    </tr>`;
  }
}

/** What a row reads: while that stays the same it is left alone. */
function shownAs(each, pool, decision) {
  const { row, age, notes } = each;
  const said = notes.map((note) => note.text).join();
  return [
    row.queue_length, row.active_count, row.max_concurrent, row.lines, duration(age), duration(row.estimated_wait_seconds),
    said, pool?.workers, decision?.desired, decision?.reason, decision?.message,
  ].join("|");
}

export class Overview extends Component {
  constructor(props) {
    super(props);
    this.state = { sort: { column: "state", descending: true }, text: "", only: "all", selected: null };
    this.order = [];
    this.orderedAt = 0;
    this.orderedBy = null;
  }

  /** A focused row that is moved would lose the focus. */
  getSnapshotBeforeUpdate() {
    const inRow = document.activeElement?.closest?.("tr[data-action]");
    return inRow ? inRow.dataset.action : null;
  }

  componentDidUpdate(_props, _state, focused) {
    const active = document.activeElement;
    if (focused && (!active || active === document.body)) this.focus(focused);
  }

  focus(ref) {
    for (const row of document.querySelectorAll("tr[data-action]")) {
      if (row.dataset.action === ref) {
        row.querySelector("a").focus();
        row.scrollIntoView({ block: "nearest" });
      }
    }
  }

  componentDidMount() {
    if (this.props.from) this.select(this.props.from);
  }

  select(ref) {
    this.setState({ selected: ref }, () => this.focus(ref));
  }

  /** Keys that the page hands on; true where one meant something here. */
  onKey(event) {
    const { key } = event;
    if (key === "/") {
      document.querySelector("#filter").focus();
      return true;
    }
    if (key === "Escape" && (this.state.text || this.state.only !== "all")) {
      this.setState({ text: "", only: "all" });
      return true;
    }
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[key];
    if (step) {
      const at = this.order.indexOf(this.state.selected);
      const next = this.order[Math.min(this.order.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
      if (next !== undefined) this.select(next);
      return true;
    }
    if (key === "Enter" && this.state.selected && document.activeElement === document.body) {
      location.hash = queueAddress(this.state.selected);
      return true;
    }
    return false;
  }

  sortBy(column) {
    const { sort } = this.state;
    const descending = sort.column === column ? !sort.descending : column !== "action";
    this.setState({ sort: { column, descending } });
  }

  /** Rows in their order. It is held for a few seconds: what moves under the eye cannot be read. */
  ordered(all, picture, now) {
    const { sort, text, only } = this.state;
    const by = JSON.stringify([sort, text, only, all.length]);
    const found = all.filter((each) => chosen(each, { text, only }));
    if (by !== this.orderedBy || now - this.orderedAt >= HELD_SECONDS || now < this.orderedAt) {
      this.orderedBy = by;
      this.orderedAt = now;
      const inOrder = sorted(found, picture, sort);
      this.order = inOrder.map((each) => each.row.action_ref);
      return inOrder;
    }
    const byName = new Map(found.map((each) => [each.row.action_ref, each]));
    const held = this.order.filter((ref) => byName.has(ref)).map((ref) => byName.get(ref));
    const known = new Set(this.order);
    const inOrder = [...held, ...found.filter((each) => !known.has(each.row.action_ref))];
    this.order = inOrder.map((each) => each.row.action_ref);
    return inOrder;
  }

  render({ picture, all, now }, { sort, text, only, selected }) {
    if (!all.length) return html`<${Empty} scales=${picture.scales} />`;
    const list = this.ordered(all, picture, now);
    const tabbable = list.some((each) => each.row.action_ref === selected) ? selected : list[0]?.row.action_ref;
    const count = (name) => all.filter((each) => chosen(each, { text: "", only: name })).length;
    return html`<main>
      <h1 class="unseen">Queues</h1>
      <${Totals} all=${all} picture=${picture} />
      <div class="tools">
        <input id="filter" type="search" placeholder="Filter actions" aria-label="Filter actions" autocomplete="off" spellcheck="false" value=${text}
          onInput=${(event) => this.setState({ text: event.target.value })}
          onKeyDown=${(event) => this.onFilterKey(event)} />
        <kbd aria-hidden="true">/</kbd>
        <div class="choice" role="group" aria-label="Which queues">
          ${FILTERS.map(([name, label]) => html`<button type="button" aria-pressed=${String(only === name)} onClick=${() => this.setState({ only: name })}>${label} <span class="count">${number(count(name))}</span></button>`)}
        </div>
        <span class="faint found">${list.length < all.length ? `${number(list.length)} of ${plural(all.length, "queue", "queues")}` : ""}</span>
      </div>
      <div class="wide"><table class="queues">
        <caption class="unseen">Queues; a head sorts by its column</caption>
        <thead><tr>
          ${COLUMNS.map(([column, label, kind]) => html`<th scope="col" class=${kind} aria-sort=${column === sort.column ? (sort.descending ? "descending" : "ascending") : null}>
            ${column ? html`<button type="button" onClick=${() => this.sortBy(column)}>${label}<span class="arrow" aria-hidden="true">${column === sort.column ? (sort.descending ? "▾" : "▴") : ""}</span></button>` : label}
          </th>`)}
        </tr></thead>
        <tbody>
          ${list.map((each) => {
            const ref = each.row.action_ref;
            const pool = picture.pools.get(each.row.pool);
            const decision = picture.decisions.get(each.row.pool);
            return html`<${Row} key=${ref} each=${each} pool=${pool} decision=${decision} depths=${picture.depths.get(ref)} samples=${picture.samples}
              selected=${ref === tabbable} shown=${shownAs(each, pool, decision)} />`;
          })}
        </tbody>
      </table></div>
      ${!list.length && html`<p class="none">No queue is called that${only === "all" ? "" : ", or none of them is among those"}. <button type="button" class="quiet" onClick=${() => this.setState({ text: "", only: "all" })}>Show all</button></p>`}
    </main>`;
  }

  onFilterKey(event) {
    if (event.key === "Escape") {
      this.setState({ text: "" });
      event.target.blur();
    } else if ((event.key === "Enter" || event.key === "ArrowDown") && this.order.length) {
      event.preventDefault();
      this.select(this.order[0]);
    }
    event.stopPropagation();
  }
}

function Totals({ all, picture }) {
  const sum = (of) => all.reduce((total, each) => total + of(each), 0);
  const pools = [...picture.pools.values()];
  const workers = pools.reduce((total, pool) => total + pool.workers, 0);
  const desired = [...picture.decisions.values()].reduce((total, decision) => total + decision.desired, 0);
  const critical = all.filter((each) => each.severity === CRITICAL).length;
  const warned = all.filter((each) => each.severity > FINE).length - critical;
  const figures = [
    ["Waiting", number(sum((each) => each.row.queue_length)), ""],
    ["Running", number(sum((each) => each.row.active_count)), ""],
    ["Longest wait", duration(all.reduce((most, each) => (each.age !== null && each.age > (most ?? -1) ? each.age : most), null)), ""],
    picture.decisions.size ? ["Workers now / desired", `${number(workers)} / ${number(desired)}`, ""] : ["Workers", number(workers), ""],
    ["Critical", number(critical), critical ? "critical" : ""],
    ["Warning", number(warned), warned ? "warning" : ""],
  ];
  return html`<dl class="totals">${figures.map(([name, value, tone]) => html`<div class=${tone}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Empty({ scales }) {
  return html`<main class="gate">
    <h1>There are no queues yet</h1>
    <p>A queue appears here as soon as a policy declares its action.</p>
    ${scales
      ? html`<p>Apply an <code>ActionQueuePolicy</code>, for example:</p>
          <pre tabindex="0">${`kubectl apply -f - <<EOF
apiVersion: attune.io/v1alpha1
kind: ActionQueuePolicy
metadata: {name: echo, namespace: attune-system}
spec: {actionRef: core.echo, concurrency: 5}
EOF`}</pre>
          <p>Then submit something: <${Command} text="kubectl attune submit core.echo --param message=hello" /></p>`
      : html`<p>Declare one in the executor's configuration, and tell it to read that again (<code>systemctl reload attune-executor</code>):</p>
          <pre tabindex="0">${`policies:
  actions:
    core.echo:
      concurrency_limit: 5`}</pre>`}
  </main>`;
}
