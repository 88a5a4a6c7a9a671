// Pieces that several views are made of.

import { Component, html, useState } from "./vendor/htm-preact-3.1.1.js";
import { CRITICAL, WARNING } from "./model.js";

const MARKS = { [WARNING]: "▲", [CRITICAL]: "■" };
const WORDS = { [WARNING]: "Warning", [CRITICAL]: "Critical" };
export const TONES = ["fine", "warning", "critical"];

/** Colour, sign and words: each says it alone. */
export function Note({ note }) {
  const mark = MARKS[note.severity];
  return html`<span class="note ${TONES[note.severity]}">
    ${mark && html`<span class="mark" aria-hidden="true">${mark}</span><span class="unseen">${WORDS[note.severity]}: </span>`}${note.text}
  </span>`;
}

const WIDTH = 120;
const HEIGHT = 24;

/** The depth of the last minutes; what is not known yet is left blank. Ages grow beside it every second; it is left alone. */
export class Sparkline extends Component {
  shouldComponentUpdate(next) {
    return ["depths", "depth", "tone"].some((name) => next[name] !== this.props[name]);
  }

  render({ depths, depth, samples, tone, label }) {
    const values = [...(depths ?? []), depth];
    const top = Math.max(...values, 1);
    const step = WIDTH / samples;
    const start = WIDTH - (values.length - 1) * step;
    const points = values.map((value, index) => {
      const x = start + index * step;
      return `${x.toFixed(1)},${(HEIGHT - 2 - (value / top) * (HEIGHT - 4)).toFixed(1)}`;
    });
    const area = `${start.toFixed(1)},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`;
    return html`<svg class="spark ${tone}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${label}>
      <polygon points=${area} />
      <polyline points=${points.join(" ")} />
    </svg>`;
  }
}

/** Used of what may be used, as a bar; the figures stand beside it. */
export function Meter({ value, limit }) {
  const share = limit > 0 ? Math.min(1, value / limit) : 0;
  return html`<span class="meter" aria-hidden="true"><span style=${{ width: `${share * 100}%` }}></span></span>`;
}

/** A command to copy. */
export function Command({ text }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // not allowed to: the text can be selected
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return html`<span class="command">
    <code>${text}</code>
    <button type="button" class="quiet" onClick=${copy} aria-label=${copied ? "Copied" : `Copy: ${text}`}>
      ${copied ? "Copied" : "Copy"}
    </button>
  </span>`;
}

export function Workers({ pool, decision }) {
  if (!pool && !decision) return html`<span class="faint">–</span>`;
  const now = pool ? pool.workers : 0;
  if (!decision) return html`<span>${now}</span>`;
  const differs = decision.desired !== now;
  return html`<span class=${differs ? "differs" : ""}>
    ${now}<span class="faint"> / </span>${decision.desired}
    <span class="unseen"> workers now and desired</span>
  </span>`;
}
