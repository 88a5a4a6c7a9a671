// Server-sent events by fetch rather than EventSource: that one cannot send an Authorization header.

import { Refused, ask } from "./calls.js";

const SILENT_SECONDS = 12;
const FIRST_RETRY_SECONDS = 0.5;
const LONGEST_RETRY_SECONDS = 15;

/**
 * Follow the stream until `signal` ends it.
 *
 * @param {{picture: (document: object) => void, changes: (document: object) => void,
 *   lost: (reason: string, retrySeconds: number) => void, refused: (refusal: Refused) => void}} hear
 *   `refused` ends it: nothing becomes better by asking again.
 */
export async function follow(hear, signal) {
  let retry = 0;
  while (!signal.aborted) {
    let pictured = false;
    try {
      await once((name, document) => {
        pictured = true;
        retry = 0;
        hear[name](document);
      }, signal);
      // Ended by the server, as it does every few minutes: asked again at once, and nothing is lost yet.
      if (!pictured) throw new Error("the executor ended the connection");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
        hear.refused(error);
        return;
      }
      retry = Math.min(LONGEST_RETRY_SECONDS, Math.max(FIRST_RETRY_SECONDS, retry * 2));
      // Not all at one moment after an outage.
      const pause = retry * (0.75 + Math.random() / 2);
      hear.lost(error.message, pause);
      await sleep(pause, signal);
    }
  }
}

async function once(heard, signal) {
  const silence = new AbortController();
  let timer;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new Error("nothing was heard")), SILENT_SECONDS * 1000);
  };
  alive();
  try {
    const answer = await ask("api/v1/stream", { signal: AbortSignal.any([signal, silence.signal]) });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) take(event, heard);
    }
  } catch (error) {
    throw silence.signal.aborted ? silence.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

function take(event, heard) {
  let name = "";
  let data = "";
  for (const line of event.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (data) heard(name, JSON.parse(data));
}

export function sleep(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
