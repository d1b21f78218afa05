// Theme, keyboard, confirmations, and the live queue. No framework: htmx does the rest.
"use strict";

(() => {
  const root = document.documentElement;
  const isDark = () =>
    root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    document.dispatchEvent(new Event("themechange"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    document.dispatchEvent(new Event("themechange")),
  );

  document.addEventListener("submit", (event) => {
    const asked = event.submitter?.dataset.confirm;
    if (asked && !confirm(asked)) event.preventDefault();
  });

  const rows = () => [...document.querySelectorAll("#rows tr[data-campaign]")];
  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.classList.contains("current"));
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    all[at]?.classList.remove("current");
    next.classList.add("current");
    next.querySelector("a").focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) typing.blur();
    if (typing) return;
    if (event.key === "/") {
      event.preventDefault();
      (document.querySelector("[data-search-text]") ?? document.querySelector("[data-search]"))?.focus();
    } else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
  });

  const element = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html.trim();
    return holder.content.firstElementChild;
  };

  const status = document.querySelector("[data-live]");
  const unseen = new Set();
  const tell = (text) => {
    status.replaceChildren(document.createTextNode(text));
  };

  let source, left, last = "";

  const changed = (event) => {
    last = event.lastEventId;
    const change = JSON.parse(event.data);
    const row = document.getElementById(`row-${change.id}`);
    if (row) {
      const next = element(change.row);
      if (row.classList.contains("current")) next.classList.add("current");
      const focused = row.contains(document.activeElement);
      row.replaceWith(next);
      if (focused) next.querySelector("a").focus();
      tell(`live · ${change.id} ${change.change}`);
      return;
    }
    unseen.add(change.id);
    tell(`live · ${change.id} ${change.change} · `);
    const again = document.createElement("a");
    again.href = location.href;
    again.textContent = `show ${unseen.size} not listed here`;
    status.append(again);
  };

  // A browser opens six connections to one console: a tab that nobody sees must not hold one.
  const rest = () => {
    source?.close();
    left = performance.now();
    status.dataset.state = "off";
    tell("not live: in the background");
  };

  const listen = () => {
    source?.close();
    const away = left === undefined ? 0 : Math.ceil((performance.now() - left) / 1000);
    source = new EventSource(`${status.dataset.live}?${new URLSearchParams({ after: last, away })}`);
    source.addEventListener("open", () => {
      status.dataset.state = "live";
      tell("live");
    });
    source.addEventListener("error", () => {
      status.dataset.state = "lost";
      tell("not live: the connection is lost, trying again");
    });
    source.addEventListener("begun", (event) => {
      last = event.lastEventId;
    });
    source.addEventListener("lost", (event) => {
      last = event.lastEventId;
      if (last) return;
      // The server does not know where this tab left off: from now on, then.
      source.close();
      setTimeout(() => document.hidden || listen(), 5000);
    });
    source.addEventListener("campaign", changed);
    source.addEventListener("refused", () => {
      source.close();
      status.dataset.state = "off";
      tell("not live: your role does not watch campaigns");
      document.removeEventListener("visibilitychange", turn);
    });
  };

  const turn = () => (document.hidden ? rest() : listen());

  if (status) {
    if (!document.hidden) listen();
    document.addEventListener("visibilitychange", turn);
    addEventListener("pagehide", () => source?.close());
  }
})();
