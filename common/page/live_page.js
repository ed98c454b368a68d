// Keeps a page as its program sees things: the program sends the whole content, written and escaped
// there, and this changes what differs. <main data-live="URL"> is sent as server-sent events,
// <main> without it is asked for every few seconds. Says so when nothing has come for a while.
"use strict";
(() => {
  const main = document.querySelector("main");
  const link = document.getElementById("link");
  const silenceLimit = 10000; // ms; something comes every 2 or 3 s
  const liveUrl = main.dataset.live;
  let source = null;
  let heardAt = Date.now();

  // Children with an id keep their element when others come or go, so that a selection, the focus
  // and a transition live through an update.
  const become = (old, wanted) => {
    for (const { name } of [...old.attributes]) {
      if (!wanted.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of [...wanted.attributes]) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    let at = old.firstChild;
    for (const child of [...wanted.childNodes]) {
      const same = child.id
        ? [...old.children].find((each) => each.id === child.id)
        : at && at.nodeName === child.nodeName && !at.id ? at : null;
      if (!same) {
        old.insertBefore(child, at);
        continue;
      }
      if (same !== at) old.insertBefore(same, at);
      if (same.nodeType === Node.ELEMENT_NODE) become(same, child);
      else if (same.nodeValue !== child.nodeValue) same.nodeValue = child.nodeValue;
      at = same.nextSibling;
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  };

  const show = (html) => {
    const content = document.createElement("template");
    content.innerHTML = html;
    const wanted = content.content.querySelector("main");
    if (!wanted) return;
    become(main, wanted);
    document.title = wanted.dataset.title;
  };

  const heard = () => {
    heardAt = Date.now();
    if (!link.hidden) {
      link.hidden = true;
      link.replaceChildren();
      document.documentElement.classList.remove("stale");
    }
  };

  const setStale = () => {
    if (!link.hidden) return;
    const text = document.createElement("p");
    text.textContent = "No answer from the server since " +
      new Date(heardAt).toLocaleTimeString() + ". This is what it said then; trying again.";
    link.replaceChildren(text);
    link.hidden = false;
    document.documentElement.classList.add("stale");
    document.title = "(stale) " + document.title.replace(/^\(stale\) /, "");
  };

  const connect = () => {
    if (source) source.close();
    source = new EventSource(liveUrl);
    source.addEventListener("page", (event) => {
      show(event.data);
      heard();
    });
    source.addEventListener("error", setStale);
  };

  const ask = async () => {
    try {
      // Without the user and password that the address may bear; the browser knows them.
      const url = location.origin + location.pathname;
      const answer = await fetch(url, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.statusText);
      show(await answer.text());
      heard();
    } catch {
      setStale();
    }
    setTimeout(ask, 3000);
  };

  if (!liveUrl) {
    setTimeout(ask, 3000);
    return;
  }
  setInterval(() => {
    if (Date.now() - heardAt > silenceLimit) setStale();
    // A browser gives up on an answer that is no stream, such as a proxy's 502.
    if (source.readyState === EventSource.CLOSED) connect();
  }, 2000);
  connect();
})();
