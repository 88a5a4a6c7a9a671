// The page put together: what is shown depends on the address, the connection and who looks.

import { Component, html, render } from "./vendor/htm-preact-3.1.1.js";
import { AskToken, Forbidden, Help } from "./dialogs.js";
import { clock, number } from "./format.js";
import { CRITICAL, rows } from "./model.js";
import { Overview } from "./overview.js";
import { Command } from "./parts.js";
import { Queue } from "./queue.js";
import { CONNECTING, FORBIDDEN, LIVE, LOST, Store, TOKEN } from "./store.js";

const SAID_SECONDS = 30;

function route() {
  const found = /^#\/queue\/(.+)$/.exec(location.hash);
  try {
    return found ? decodeURIComponent(found[1]) : null;
  } catch {
    return found[1]; // half an escape: there is no such queue, and the page says so
  }
}

class App extends Component {
  constructor(props) {
    super(props);
    this.store = new Store(() => this.soon());
    this.state = { action: route(), help: false };
    this.drawing = false;
    this.drawnAt = 0;
    this.came = null;
  }

  /** Several pieces of news are drawn at once, and none while nobody looks. */
  soon() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.drawnAt = Date.now();
      this.setState({});
    });
  }

  componentDidMount() {
    this.store.start();
    // Ages grow also while nothing else changes; where something does, once a second is enough.
    setInterval(() => {
      if (Date.now() - this.drawnAt > 900) this.soon();
    }, 500);
    addEventListener("hashchange", () => {
      this.came = this.state.action;
      this.setState({ action: route() });
    });
    addEventListener("keydown", (event) => this.onKey(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.soon());
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest?.("input, textarea, dialog")) return;
    if (this.took(event)) event.preventDefault();
  }

  took(event) {
    if (event.key === "?") {
      this.setState({ help: true });
      return true;
    }
    if (event.key === "t") {
      this.toggleTheme();
      return true;
    }
    if (this.state.action !== null) {
      if (event.key !== "Escape") return false;
      location.hash = "#/";
      return true;
    }
    return this.overview?.onKey(event) ?? false;
  }

  toggleTheme() {
    globalThis.attuneTheme.toggle();
    this.soon();
  }

  render(_props, { action, help }) {
    const { store } = this;
    const now = store.now;
    const all = store.picture ? rows(store.picture, now) : [];
    return html`<${Header} store=${store} onTheme=${() => this.toggleTheme()} onHelp=${() => this.setState({ help: true })} />
      <${Banners} store=${store} />
      ${this.content(action, all, now)}
      <${Said} store=${store} all=${all} />
      ${help && html`<${Help} onClose=${() => this.setState({ help: false })} />`}`;
  }

  content(action, all, now) {
    const { store } = this;
    if (store.connection === TOKEN) {
      return html`<${AskToken} reason=${store.reason} given=${store.tokenInUse} onToken=${(token) => store.giveToken(token)} />`;
    }
    if (store.connection === FORBIDDEN) return html`<${Forbidden} reason=${store.reason} onForget=${() => store.forgetToken()} />`;
    if (!store.picture) return html`<main class="gate"><h1>${store.connection === LOST ? "Connection lost" : "Connecting…"}</h1><p>${store.reason}</p></main>`;
    if (action !== null) return html`<${Queue} key=${action} action=${action} picture=${store.picture} now=${now} />`;
    return html`<${Overview} ref=${(view) => (this.overview = view)} from=${this.came} picture=${store.picture} all=${all} now=${now} />`;
  }
}

const WORDS = { [CONNECTING]: "Connecting", [LIVE]: "Live", [LOST]: "Connection lost", [TOKEN]: "Signed out", [FORBIDDEN]: "Forbidden" };

/** A ServiceAccount as namespace/name; the prefix that Kubernetes puts before it says nothing here. */
const callerName = (caller) => caller.replace(/^system:serviceaccount:([^:]+):/, "$1/");

function Header({ store, onTheme, onHelp }) {
  const { dark } = globalThis.attuneTheme;
  return html`<header>
    <a class="brand" href="#/"><svg viewBox="0 0 16 16" aria-hidden="true"><rect width="16" height="16" rx="4" /><path d="M4 11V8M8 11V4M12 11V6.5" /></svg>Attune</a>
    <span class=${`connection ${store.connection}`}><span class="dot" aria-hidden="true"></span>${WORDS[store.connection]}</span>
    ${store.heardAt !== null && html`<span class="faint asof">figures as of ${clock(store.connection === LIVE ? store.now : store.heardAt)}</span>`}
    <span class="gap"></span>
    ${store.caller && html`<span class="faint caller" title=${store.caller}>${callerName(store.caller)}</span>`}
    ${store.tokenInUse && html`<button type="button" class="quiet" onClick=${() => store.forgetToken()}>Forget token</button>`}
    <button type="button" class="quiet" onClick=${onTheme}>${dark ? "Light" : "Dark"}</button>
    <button type="button" class="quiet" onClick=${onHelp} aria-label="Help">?</button>
  </header>`;
}

function Banners({ store }) {
  const { picture } = store;
  const lost = store.connection === LOST && picture;
  const emergency = picture?.emergency;
  const standing = picture && !picture.serving && !lost;
  if (!lost && !standing && !emergency) return null;
  return html`<section aria-label="Notices">
    ${lost && html`<div class="banner warning lost"><strong>Connection lost, retrying.</strong> Figures as of ${clock(store.heardAt)}: ${store.reason}.</div>`}
    ${standing && html`<div class="banner critical"><strong>The executor does not accept executions now:</strong> ${picture.detail}.</div>`}
    ${emergency && html`<div class="banner critical emergency"><strong><span aria-hidden="true">■ </span>Emergency mode is on.</strong> ${emergencySays(emergency)}
      ${picture.scales && html` <${Command} text="kubectl attune emergency off" />`}</div>`}
  </section>`;
}

function emergencySays({ max_queue_length: longest, close_below_priority: below, close_tags: tags }) {
  const closed = [
    ...(below > 0 ? [`of a priority below ${below}`] : []),
    ...(tags.length ? [`tagged ${tags.join(", ")}`] : []),
  ];
  return `Queues may grow to ${number(longest)}. ${closed.length ? `Actions ${closed.join(" or ")} take nothing new.` : "No action is closed."}`;
}

/** What a screen reader is told unasked: what turned, and that not too often. */
class Said extends Component {
  constructor(props) {
    super(props);
    this.text = "";
    this.before = null;
    this.at = 0;
  }

  render({ store, all }) {
    const now = Date.now() / 1000;
    const critical = all.filter((each) => each.severity === CRITICAL).length;
    const state = { connection: store.connection, emergency: Boolean(store.picture?.emergency), critical };
    const before = this.before;
    if (before && state.connection !== before.connection) this.say(WORDS[state.connection], state, now);
    else if (before && state.emergency !== before.emergency) this.say(`Emergency mode is ${state.emergency ? "on" : "off"}`, state, now);
    else if (before && state.critical !== before.critical && now - this.at > SAID_SECONDS) {
      this.say(`${state.critical} critical ${state.critical === 1 ? "queue" : "queues"}`, state, now);
    } else if (!before) this.before = state;
    return html`<div role="status" class="unseen">${this.text}</div>`;
  }

  say(text, state, now) {
    this.text = text;
    this.before = state;
    this.at = now;
  }
}

render(html`<${App} />`, document.getElementById("app"));
