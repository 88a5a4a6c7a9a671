// What is known, and what it means: no I/O, no page. Thresholds come from the executor, which has them from the runbook.

import { duration, number, unix } from "./format.js";

export const FINE = 0;
export const WARNING = 1;
export const CRITICAL = 2;
const SEVERITIES = { fine: FINE, warning: WARNING, critical: CRITICAL };

/** A picture as the stream begins with. */
export function fromPicture(document) {
  const picture = { ...document, queues: new Map(), pools: new Map(), decisions: new Map(), depths: new Map() };
  for (const part of ["queues", "pools", "decisions", "depths"]) {
    for (const [name, row] of Object.entries(document[part])) picture[part].set(name, row);
  }
  return picture;
}

/** The picture after what changed. Rows that did not change stay the same objects. */
export function withChanges(picture, changes) {
  const after = { ...picture, ...changes };
  for (const part of ["queues", "pools", "decisions"]) {
    after[part] = picture[part];
    if (!changes[part]) continue;
    after[part] = new Map(picture[part]);
    for (const [name, row] of Object.entries(changes[part])) {
      if (row === null) after[part].delete(name);
      else after[part].set(name, row);
    }
  }
  if (changes.sampled) after.depths = sampled(after);
  return after;
}

function sampled({ queues, depths, samples }) {
  const after = new Map();
  for (const [ref, row] of queues) {
    const known = depths.get(ref);
    if (known || row.queue_length) after.set(ref, [...(known ?? []), row.queue_length].slice(-samples));
  }
  return after;
}

/** How long the head of the queue has waited, in seconds; null where nothing waits. */
export function oldestAge(row, now) {
  const since = unix(row.oldest_enqueued_at);
  return since === null ? null : Math.max(0, now - since);
}

function above(thresholds, value) {
  const found = value === null ? undefined : thresholds.find(([limit]) => value > limit);
  return found ? [{ severity: SEVERITIES[found[1]], text: found[2], limit: found[0] }] : [];
}

/** A note on a length, in words that suit a queue whose limit is what holds it back, or is not. */
const lengthNote = (row, thresholds) => ({ limit, text, ...rest }) => {
  const atLimit = row.max_concurrent !== null && row.active_count >= row.max_concurrent;
  const called = (atLimit && thresholds.at_limit[text]) || text;
  return { ...rest, text: `over ${number(limit)}: ${called}` };
};

/** What the runbook calls for, and what else one should know, the most urgent first. */
export function notes(row, picture, now) {
  const { thresholds } = picture;
  const pool = picture.pools.get(row.pool);
  const found = [...above(thresholds.length, row.queue_length).map(lengthNote(row, thresholds)), ...above(thresholds.age_seconds, oldestAge(row, now))];
  const busy = row.queue_length > 0 || row.active_count > 0;
  const quiet = now - unix(row.last_updated);
  if (busy && row.admission !== "Hold" && quiet > thresholds.stale_seconds) {
    found.push({ severity: CRITICAL, text: `nothing has moved for ${duration(quiet)}` });
  }
  if (pool && pool.workers === 0 && row.queue_length > 0 && row.admission !== "Hold") {
    const coming = picture.decisions.get(row.pool)?.desired > 0;
    found.push(coming ? { severity: WARNING, text: "workers are starting" } : { severity: CRITICAL, text: "no workers" });
  }
  if (row.max_queue_length !== null && row.queue_length >= row.max_queue_length && row.queue_length > 0) {
    found.push({ severity: CRITICAL, text: "queue full" });
  }
  if (row.closed_by_emergency) found.push({ severity: WARNING, text: "closed by emergency mode" });
  if (row.admission === "Hold") found.push({ severity: FINE, text: "paused" });
  if (row.admission === "Closed") found.push({ severity: FINE, text: "closed" });
  if (row.admission === null && busy) found.push({ severity: FINE, text: "no policy, drains" });
  return found.sort((one, other) => other.severity - one.severity);
}

export const severity = (found) => (found.length ? found[0].severity : FINE);

/** Rows with what they mean. */
export function rows(picture, now) {
  return [...picture.queues.values()].map((row) => {
    const found = notes(row, picture, now);
    return { row, notes: found, severity: severity(found), age: oldestAge(row, now) };
  });
}

const nothingLast = (value) => (value === null || value === undefined ? -1 : value);

/** What a column sorts by; the first click shows the largest first, names the other way round. */
export const SORTS = {
  state: (each) => each.severity,
  action: (each) => each.row.action_ref,
  waiting: (each) => each.row.queue_length,
  running: (each) => each.row.active_count,
  oldest: (each) => nothingLast(each.age),
  expected: (each) => nothingLast(each.row.estimated_wait_seconds),
  workers: (each, picture) => nothingLast(picture.pools.get(each.row.pool)?.workers),
};

export function sorted(list, picture, { column, descending }) {
  const key = SORTS[column];
  const sign = descending ? -1 : 1;
  const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  return list
    .map((each) => ({ each, key: key(each, picture) }))
    .sort(
      (one, other) =>
        sign * compare(one.key, other.key) ||
        other.each.row.queue_length - one.each.row.queue_length ||
        other.each.row.active_count - one.each.row.active_count ||
        compare(one.each.row.action_ref, other.each.row.action_ref),
    )
    .map(({ each }) => each);
}

/** Whether a row is among those that are asked for. */
export function chosen(each, { text, only }) {
  if (text && !each.row.action_ref.toLowerCase().includes(text.toLowerCase())) return false;
  if (only === "busy") return each.row.queue_length > 0 || each.row.active_count > 0;
  return only !== "attention" || each.severity > FINE;
}
