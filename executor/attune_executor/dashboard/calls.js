// The executor's API. The token is kept for this tab alone, and is never part of an address.

const KEY = "attune.token";
let token = sessionStorage.getItem(KEY);

export function useToken(given) {
  token = given;
  if (given) sessionStorage.setItem(KEY, given);
  else sessionStorage.removeItem(KEY);
}

export const hasToken = () => Boolean(token);

/** An answer other than success; `message` is the API's own. */
export class Refused extends Error {
  constructor(status, message, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export async function ask(path, { method = "GET", signal, body } = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    const content = body && JSON.stringify(body);
    answer = await fetch(new URL(path, document.baseURI), { method, headers, signal, body: content, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("the executor does not answer", { cause: error });
  }
  if (answer.ok) return answer;
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // Something between here and the executor answered.
  }
  throw new Refused(answer.status, said.error ?? `HTTP ${answer.status} ${answer.statusText}`, said.code);
}

/** The whole of a JSON answer. */
export async function read(path, options) {
  return (await ask(path, options)).json();
}

const part = (ref) => encodeURIComponent(ref);

export const permissions = async (ref, signal) =>
  (await read(`api/v1/permissions${ref === null ? "" : `?action_ref=${part(ref)}`}`, { signal })).data;

export const waiting = async (ref, signal) =>
  (await read(`api/v1/actions/${part(ref)}/waiting?limit=25`, { signal })).data;

export const executions = async (ref, query, signal) =>
  (await read(`api/v1/executions?action_ref=${part(ref)}&${query}`, { signal })).data;

export const decisions = async (query, signal) => (await read(`api/v1/scaling-decisions?${query}`, { signal })).data;

/** Said in the worker's place: without a body it failed, in the runbook's words. */
export const complete = (id) => ask(`api/v1/executions/${id}/complete`, { method: "POST" });

export const cancel = (id) => ask(`api/v1/executions/${id}/cancel`, { method: "POST" });
