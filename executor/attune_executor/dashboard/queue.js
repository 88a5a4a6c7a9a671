// One queue: who waits and until when, what runs where, what has been, and why there are so many workers.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact-3.1.1.js";
import * as calls from "./calls.js";
import { Confirm } from "./dialogs.js";
import { NOTHING, clock, duration, moment, number, runTime, unix } from "./format.js";
import { notes, oldestAge, severity } from "./model.js";
import { Command, Note, Sparkline, TONES, Workers } from "./parts.js";

const REFRESH_SECONDS = 2;
const IDLE_SECONDS = 10;
const RECENT = 15;
const ACTIVE = 25;

/** What the stream does not carry, asked for anew while the queue changes, and not while nobody looks. */
function useDetails(ref, row, scales) {
  const [details, setDetails] = useState(null);
  const [problem, setProblem] = useState("");
  const latest = useRef(row);
  const nudge = useRef(() => {});
  latest.current = row;
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    let timer = null;
    let asked = 0;
    let seen = null;
    const again = async () => {
      const due = latest.current !== seen ? REFRESH_SECONDS : IDLE_SECONDS;
      if (!document.hidden && Date.now() / 1000 - asked >= due) {
        asked = Date.now() / 1000;
        seen = latest.current;
        try {
          setDetails(await look(ref, latest.current, scales, signal));
          setProblem("");
        } catch (error) {
          if (!signal.aborted) setProblem(error.message);
        }
      }
      if (!signal.aborted) timer = setTimeout(again, 250);
    };
    nudge.current = () => {
      asked = 0;
    };
    again();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [ref]);
  return [details, problem, () => nudge.current()];
}

async function look(ref, row, scales, signal) {
  const waiting = await calls.waiting(ref, signal);
  // What was accepted before the head of the queue has left the line: no need to look through those that wait.
  const before = waiting.length ? `&after=${waiting[0].id}` : "";
  const [running, scheduled, recent, may, decisions] = await Promise.all([
    calls.executions(ref, `status=running&order=oldest&limit=${ACTIVE}`, signal),
    calls.executions(ref, `status=scheduled&order=oldest&limit=${ACTIVE}`, signal),
    calls.executions(ref, `limit=${RECENT + ACTIVE}${before}`, signal),
    calls.permissions(ref, signal),
    scales && row?.pool ? calls.decisions(`deployment=${encodeURIComponent(row.pool.split(".")[0])}&limit=10`, signal) : [],
  ]);
  const open = new Set(["requested", "scheduled", "running"]);
  return {
    waiting,
    active: [...running, ...scheduled].slice(0, ACTIVE),
    recent: recent.filter((each) => !open.has(each.status)).slice(0, RECENT),
    verbs: new Set(may.verbs),
    decisions,
  };
}

export function Queue({ action, picture, now }) {
  const row = picture.queues.get(action);
  const [details, problem, refresh] = useDetails(action, row, picture.scales);
  const [ending, setEnding] = useState(null);
  const heading = useRef(null);
  useEffect(() => heading.current?.focus(), [action]);
  if (!row) {
    return html`<main class="gate"><h1 tabindex="-1" ref=${heading}>No queue of that name</h1>
      <p>No policy declares <code>${action}</code>, or it has only just been declared.</p><p><a href="#/">All queues</a></p></main>`;
  }
  const found = notes(row, picture, now);
  const pool = picture.pools.get(row.pool);
  const decision = picture.decisions.get(row.pool);
  const mayEnd = details?.verbs.has("delete") ?? false;
  return html`<main class="queue">
    <nav aria-label="Where you are"><a href="#/">All queues</a> <span class="faint" aria-hidden="true">/</span></nav>
    <div class="title"><h1 tabindex="-1" ref=${heading}>${action}</h1>${found.map((note) => html`<${Note} note=${note} />`)}</div>
    <${Figures} row=${row} pool=${pool} decision=${decision} now=${now} />
    <${Depths} row=${row} picture=${picture} tone=${TONES[severity(found)]} />
    ${problem && html`<p class="problem" role="status">Details could not be read: ${problem}</p>`}
    <div class="columns"><div>
      <section aria-labelledby="runs"><h2 id="runs">Runs now <span class="count">${number(row.active_count)}</span></h2>
        <${Active} list=${details?.active} total=${row.active_count} now=${now} mayEnd=${mayEnd} onEnd=${setEnding} /></section>
      <section aria-labelledby="recent"><h2 id="recent">Has ended</h2><${Recent} list=${details?.recent} now=${now} /></section>
      ${picture.scales && html`<section aria-labelledby="scaling"><h2 id="scaling">Scaling decisions</h2>
        <${Decisions} list=${details?.decisions} pool=${row.pool} now=${now} /></section>`}
      <section aria-labelledby="change"><h2 id="change">Change it</h2><${Change} row=${row} scales=${picture.scales} /></section>
    </div><div>
      <section aria-labelledby="waits"><h2 id="waits">Waits <span class="count">${number(row.queue_length)}</span></h2>
        <${Waiting} list=${details?.waiting} total=${row.queue_length} now=${now} mayEnd=${mayEnd} onEnd=${setEnding} /></section>
    </div></div>
    ${ending && html`<${Confirm} ...${ENDINGS[ending.how](ending.id)} onYes=${async () => {
      await calls[ending.how === "complete" ? "complete" : "cancel"](ending.id);
      refresh();
    }} onClose=${() => setEnding(null)} />`}
  </main>`;
}

/** What is asked before an execution is ended. */
const ENDINGS = {
  cancel: (id) => ({ title: `Cancel execution ${id}?`, text: "It will never run.", action: "Cancel the execution" }),
  stop: (id) => ({
    title: `Cancel execution ${id}?`,
    text: "Its worker stops it. What it has done so far is not undone.",
    action: "Cancel the execution",
  }),
  complete: (id) => ({
    title: `Force-complete execution ${id}?`,
    text: "For one that is truly stuck: it counts as failed at once and its slot is free, whatever its worker still does.",
    action: "Force-complete it",
  }),
};

function Figures({ row, pool, decision, now }) {
  const figures = [
    ["Waiting", number(row.queue_length), row.max_queue_length === null ? "" : `of at most ${number(row.max_queue_length)}`],
    ["Running", number(row.active_count), `limit ${number(row.max_concurrent)}${row.lines > 1 ? ` in each of ${number(row.lines)} lines` : ""}`],
    ["Longest wait", duration(oldestAge(row, now)), row.oldest_enqueued_at ? `since ${moment(unix(row.oldest_enqueued_at), now)}` : ""],
    ["Expected wait", duration(row.estimated_wait_seconds), "of a new execution"],
    ["Run time", runTime(row.average_duration_seconds), "on average"],
    ["Arrivals", number(row.arrivals_per_hour), "an hour, lately"],
    [decision ? "Workers / desired" : "Workers", html`<${Workers} pool=${pool} decision=${decision} />`, decision ? decision.reason : `pool ${row.pool ?? NOTHING}`],
    ["Done", number(row.total_completed), `${number(row.total_rejected)} refused`],
  ];
  return html`<dl class="totals figures">${figures.map(([name, value, beside]) => html`<div><dt>${name}</dt><dd>${value}</dd><dd class="beside">${beside}</dd></div>`)}</dl>`;
}

function Depths({ row, picture, tone }) {
  const depths = picture.depths.get(row.action_ref) ?? [];
  const most = Math.max(row.queue_length, ...depths);
  return html`<figure class="depths">
    <figcaption>Waiting in the last 10 minutes <span class="faint">· at most ${number(most)}</span></figcaption>
    <${Sparkline} depths=${depths} depth=${row.queue_length} samples=${picture.samples} tone=${tone} label=${`Waiting in the last ten minutes: at most ${most}, now ${row.queue_length}`} />
    <div class="axis faint" aria-hidden="true"><span>10 min ago</span><span>5 min ago</span><span>now</span></div>
  </figure>`;
}

function Table({ list, heads, none, more, children }) {
  if (!list) return html`<p class="none">…</p>`;
  if (!list.length) return html`<p class="none">${none}</p>`;
  return html`<div class="wide"><table>
      <thead><tr>${heads.map((head) => html`<th scope="col">${head || html`<span class="unseen">Actions</span>`}</th>`)}</tr></thead>
      <tbody>${children}</tbody>
    </table></div>${more > 0 && html`<p class="faint">and ${number(more)} more</p>`}`;
}

function End({ id, hows, onEnd }) {
  return html`<td class="figure">${hows.map((how) => {
    const word = how === "complete" ? "Force-complete" : "Cancel";
    return html`<button type="button" class="quiet" onClick=${() => onEnd({ id, how })} aria-label=${`${word} execution ${id}`}>${word}</button>`;
  })}</td>`;
}

function Active({ list, total, now, mayEnd, onEnd }) {
  const heads = ["Id", "Status", "Worker", "For", ...(mayEnd ? [""] : [])];
  return html`<${Table} list=${list} heads=${heads} none="Nothing runs." more=${list ? total - list.length : 0}>
    ${list?.map((each) => html`<tr key=${each.id}>
      <th scope="row">${each.id}</th><td>${each.status === "scheduled" ? "on its way" : each.status}${each.attempt > 1 ? `, attempt ${each.attempt}` : ""}</td>
      <td class="name">${each.worker ?? NOTHING}</td><td>${duration(each.started_at ? now - unix(each.started_at) : null)}</td>
      ${mayEnd && html`<${End} id=${each.id} hows=${["stop", "complete"]} onEnd=${onEnd} />`}
    </tr>`)}
  <//>`;
}

function Waiting({ list, total, now, mayEnd, onEnd }) {
  const grouped = list?.some((each) => each.group !== null);
  const heads = ["Place", "Id", ...(grouped ? ["Line"] : []), "Waited", "Expected start", ...(mayEnd ? [""] : [])];
  return html`<${Table} list=${list} heads=${heads} none="Nothing waits." more=${list ? total - list.length : 0}>
    ${list?.map((each) => html`<tr key=${each.id}>
      <td>${each.queue_position}</td><th scope="row">${each.id}</th>${grouped && html`<td class="name">${each.group ?? NOTHING}</td>`}
      <td>${duration(now - unix(each.created))}</td>
      <td>${each.estimated_start ? html`${clock(unix(each.estimated_start))} <span class="faint">${soon(unix(each.estimated_start) - now)}</span>` : NOTHING}</td>
      ${mayEnd && html`<${End} id=${each.id} hows=${["cancel"]} onEnd=${onEnd} />`}
    </tr>`)}
  <//>`;
}

const soon = (seconds) => (seconds < 1 ? "any moment" : `in ${duration(seconds)}`);

function Recent({ list, now }) {
  return html`<${Table} list=${list} heads=${["Id", "Status", "Run time", "Worker", "Ended"]} none="Nothing has ended yet.">
    ${list?.map((each) => html`<tr key=${each.id}>
      <th scope="row">${each.id}</th><td><span class=${`status ${each.status}`}>${each.status}</span></td>
      <td>${runTime(each.started_at ? unix(each.updated) - unix(each.started_at) : null)}</td><td class="name">${each.worker ?? NOTHING}</td>
      <td>${moment(unix(each.updated), now)}</td>
    </tr>`)}
  <//>`;
}

function Decisions({ list, pool, now }) {
  const mine = list?.filter((each) => pool === each.deployment || pool === `${each.deployment}.${each.namespace}`);
  return html`<${Table} list=${mine} heads=${["When", "Desired", "Reason"]} none="None since this operator leads.">
    ${mine?.map((each) => html`<tr key=${each.time}>
      <td>${moment(unix(each.time), now)}</td><td class="figure">${each.desired}${each.applied ? "" : html` <span class="faint">not applied</span>`}</td>
      <td><strong>${each.reason}</strong><br /><span class="faint">${each.message}</span></td>
    </tr>`)}
  <//>`;
}

function Change({ row, scales }) {
  if (!scales) {
    return html`<p>Limits and admission stand in the executor's configuration, under <code>policies.actions</code>. Change them there, then:</p>
      <p><${Command} text="systemctl reload attune-executor" /></p>`;
  }
  const { namespace, name } = row.policy ?? { namespace: "NAMESPACE", name: "POLICY" };
  const at = `-n ${namespace}`;
  return html`<dl class="commands">
    <div><dt>${row.admission === "Hold" ? "Start again what waits" : "Start nothing more for now"}</dt>
      <dd><${Command} text=${`kubectl attune ${row.admission === "Hold" ? "resume" : "pause"} ${name} ${at}`} /></dd></div>
    <div><dt>Change the limit</dt>
      <dd><${Command} text=${`kubectl patch aqp ${name} ${at} --type=merge -p '{"spec":{"concurrency":${row.max_concurrent}}}'`} /></dd></div>
    <div><dt>Everything about it</dt><dd><${Command} text=${`kubectl describe aqp ${name} ${at}`} /></dd></div>
  </dl>`;
}
