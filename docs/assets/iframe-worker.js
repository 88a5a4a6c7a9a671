// A browser starts no Worker for a page from a disk, and the search is one. There a hidden frame does what it would do.
"use strict";

class FrameWorker extends EventTarget {
  constructor(url) {
    super();
    this.onmessage = null;
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    document.body.append(this.frame);
    const inside = this.frame.contentWindow;
    this.loaded = new Promise((resolve) => { inside.loaded = resolve; });
    // The program answers by its global postMessage, which in a frame would speak to itself.
    inside.answer = (data) => setTimeout(() => {
      const message = new MessageEvent("message", { data });
      this.onmessage?.(message);
      this.dispatchEvent(message);
    });
    const script = new URL(url, location.href).href.replace(/"/g, "%22");
    const page = inside.document;
    page.open();
    page.write(`<script>postMessage = answer<${"/"}script><script src="${script}" onload="loaded()"><${"/"}script>`);
    page.close();
  }

  postMessage(data) {
    this.loaded.then(() => {
      const inside = this.frame.contentWindow;
      const message = new inside.MessageEvent("message", { data });
      inside.dispatchEvent(message);
      inside.onmessage?.(message);
    });
  }

  terminate() {
    this.frame.remove();
  }
}

if (location.protocol === "file:") window.Worker = FrameWorker;
