// What stands in front of the page: help, the question before something is ended, and asking for a token.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact-3.1.1.js";
import { Command } from "./parts.js";

/** Shown for as long as it is rendered; Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, children }) {
  const element = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${element} aria-labelledby="dialog-title" onClose=${onClose} onKeyDown=${(event) => event.stopPropagation()}>
    <h2 id="dialog-title">${title}</h2>
    ${children}
  </dialog>`;
}

const KEYS = [
  [["/"], "filter by name"],
  [["j", "↓"], "next queue"],
  [["k", "↑"], "previous queue"],
  [["Enter"], "open the queue"],
  [["Esc"], "back, or clear the filter"],
  [["t"], "dark or light"],
  [["?"], "this help"],
];

export function Help({ onClose }) {
  return html`<${Dialog} title="Keys and signs" onClose=${onClose}>
    <dl class="keys">
      ${KEYS.map(([keys, does]) => html`<div><dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${does}</dd></div>`)}
    </dl>
    <p><span class="note warning"><span class="mark">▲</span>warning</span> over 100 wait, or the oldest for over 10 minutes.</p>
    <p><span class="note critical"><span class="mark">■</span>critical</span> over 500 wait, or the oldest for over 30 minutes, or nothing moves.</p>
    <p>Expected wait is for a new execution: the work before it, at the mean run time, over the slots.</p>
    <form method="dialog"><button class="primary">Close</button></form>
  <//>`;
}

export function Confirm({ title, text, action, onYes, onClose }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const yes = async () => {
    setBusy(true);
    try {
      await onYes();
      onClose();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="buttons">
      <button type="button" onClick=${onClose} autofocus>Keep it</button>
      <button type="button" class="danger" disabled=${busy} onClick=${yes}>${action}</button>
    </div>
  <//>`;
}

export function AskToken({ reason, given, onToken }) {
  const field = useRef(null);
  useEffect(() => field.current.focus(), []);
  const submit = (event) => {
    event.preventDefault();
    const token = field.current.value.trim();
    if (token) onToken(token);
  };
  return html`<main class="gate">
    <h1>Attune asks who you are</h1>
    <p>${given ? reason : "What the queues hold is shown to those who may list executions."}</p>
    <form onSubmit=${submit}>
      <label for="token">Bearer token</label>
      <input id="token" type="password" autocomplete="off" spellcheck="false" ref=${field} />
      <button class="primary">Show the queues</button>
    </form>
    <p class="faint">It is kept for this tab alone, until you close it.</p>
    <h2>Where to get one</h2>
    <p>Without any token, by your kubeconfig:</p>
    <p><${Command} text="kubectl attune dashboard" /></p>
    <p>Of a ServiceAccount that may list executions:</p>
    <p><${Command} text="kubectl -n attune-system create token NAME" /></p>
    <p>Without Kubernetes: one of those in the file that <code>api.tokens_file</code> names.</p>
  </main>`;
}

export function Forbidden({ reason, onForget }) {
  return html`<main class="gate">
    <h1>You may not see the queues</h1>
    <p>${reason}</p>
    <p>Seeing all queues needs the verb <code>list</code> on every action's executions; in a cluster the ClusterRole
      <code>attune:viewer</code> grants it:</p>
    <p><${Command} text="kubectl -n attune-system create rolebinding queue-viewer --clusterrole=attune:viewer --user=NAME" /></p>
    <button type="button" onClick=${onForget}>Use another token</button>
  </main>`;
}
