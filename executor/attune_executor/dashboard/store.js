// The state of the page, and who follows the stream for it.

import { hasToken, permissions, useToken } from "./calls.js";
import { fromPicture, withChanges } from "./model.js";
import { follow } from "./stream.js";

export const CONNECTING = "connecting";
export const LIVE = "live";
export const LOST = "lost";
export const TOKEN = "token";
export const FORBIDDEN = "forbidden";

export class Store {
  constructor(changed) {
    this.changed = changed;
    this.connection = CONNECTING;
    this.reason = "";
    this.picture = null;
    this.caller = null;
    /** What the executor's clock is ahead of this one, in seconds: ages are counted by the executor's. */
    this.ahead = 0;
    this.heardAt = null;
    this.following = null;
  }

  get now() {
    return Date.now() / 1000 + this.ahead;
  }

  start() {
    this.following?.abort();
    this.following = new AbortController();
    const { signal } = this.following;
    follow(
      {
        picture: (document) => this.take(document, fromPicture(document)),
        changes: (document) => this.take(document, withChanges(this.picture, document)),
        lost: (reason) => this.become(LOST, reason),
        refused: (refusal) => this.become(refusal.status === 401 ? TOKEN : FORBIDDEN, refusal.message),
      },
      signal,
    );
  }

  take(document, picture) {
    const at = Date.parse(document.time) / 1000;
    this.ahead = at - Date.now() / 1000;
    this.heardAt = at;
    this.picture = picture;
    if (this.connection !== LIVE) {
      this.become(LIVE, "");
      this.askWho();
    } else this.changed();
  }

  become(connection, reason) {
    this.connection = connection;
    this.reason = reason;
    this.changed();
  }

  async askWho() {
    try {
      this.caller = (await permissions(null)).caller;
      this.changed();
    } catch {
      // Only a name to show; the stream says what is wrong.
    }
  }

  giveToken(token) {
    useToken(token);
    this.become(CONNECTING, "");
    this.start();
  }

  forgetToken() {
    useToken(null);
    this.picture = null;
    this.caller = null;
    this.giveToken(null);
  }

  get tokenInUse() {
    return hasToken();
  }
}
