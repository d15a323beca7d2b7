// Browsers start no worker from disk. There, the search runs in a frame that nobody sees, which speaks like a worker.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      const load = (address) => new Promise((done, failed) => {
        const script = frame.contentDocument.createElement("script");
        Object.assign(script, { src: address, onload: done, onerror: failed });
        frame.contentDocument.head.append(script);
      });
      this.ready = new Promise((done) => {
        frame.onload = async () => {
          this.inner = frame.contentWindow;
          this.inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          this.inner.importScripts = async (...addresses) => {
            for (const address of addresses) await load(new URL(address, url).href);
          };
          await load(url);
          done();
        };
      });
      frame.srcdoc = "<!doctype html><head></head>";
      const attach = () => document.body.append(frame);
      if (document.body) attach();
      else document.addEventListener("DOMContentLoaded", attach);
    }

    async postMessage(data) {
      await this.ready;
      this.inner.dispatchEvent(new MessageEvent("message", { data }));
    }
  };
}
