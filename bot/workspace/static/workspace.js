/* The page's own behaviour: keeps the scroll, the drafts and what is being typed; completion, dialogs, toasts. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const app = $("#app");
  const base = `/as/${app.dataset.user}`;
  const here = `${base}/c/${app.dataset.channel}`;
  const narrow = matchMedia("(max-width: 760px)");

  // What is being typed, opened or pressed survives a refresh of the part around it.
  const KEPT = new Set(["value", "checked", "selected"]);
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => {
    if (name === "open" && node.tagName === "DIALOG") return false;
    if ((name === "class" || name === "style") && node.matches(".menu:popover-open")) return false;
    if (KEPT.has(name) && node.closest(".modal, [data-typing]")) return false;
    if (node.classList.contains("htmx-request") && (name === "disabled" || name === "class")) return false;
    return !(name === "class" && node.dataset.editing);
  };
  Idiomorph.defaults.callbacks.beforeNodeRemoved = (node) => !node.dataset?.typing;

  // Scrolling: stay at the end while at the end, else stay put and say that something came.
  const lists = new WeakMap();
  const pill = $("#pill");
  function follow(scroller, toStart) {
    if (!scroller || lists.has(scroller)) return;
    const state = { end: true, last: newest(scroller), top: 0 };
    lists.set(scroller, state);
    const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
    const toEnd = state.toEnd = () => { scroller.scrollTop = scroller.scrollHeight; state.top = scroller.scrollTop; };
    // The scroll event of somebody who has just moved up may still be on its way when a message comes.
    const stays = state.stays = () => state.end && (atEnd() || scroller.scrollTop >= state.top - 1);
    scroller.addEventListener("scroll", () => {
      state.end = atEnd();
      state.top = scroller.scrollTop;
      if (state.end) { state.last = newest(scroller); if (scroller.id === "scroller") { hide(pill); seen(); } }
    }, { passive: true });
    const resized = new ResizeObserver(() => { if (stays()) toEnd(); });
    resized.observe($(".messages", scroller));
    resized.observe(scroller);
    const above = toStart && scroller.scrollHeight - toStart.offsetTop > scroller.clientHeight;
    if (above) { toStart.scrollIntoView({ block: "start" }); scroller.scrollTop -= 24; state.end = atEnd(); } else toEnd();
  }
  function newest(scroller) { return $$(".message", scroller).at(-1)?.dataset.ts ?? ""; }
  function hide(element) { if (element) element.hidden = true; }

  let read = "";
  const unread = () => $("#sidebar [aria-current=page] .count") !== null;
  function seen() {
    const last = newest(document);
    if (!app.dataset.channel || document.hidden || (last === read && !unread())) return;
    if (narrow.matches && $("#thread .pane")) return;
    read = last;
    fetch(`${here}/read`, { method: "POST" }).catch(() => { read = ""; });
  }
  document.addEventListener("visibilitychange", () => { if (lists.get($("#scroller"))?.end) seen(); });
  pill?.addEventListener("click", () => { const box = $("#scroller"); box.scrollTo({ top: box.scrollHeight }); });

  function titled() {
    const count = $$("#sidebar .count").reduce((sum, one) => sum + Number(one.textContent), 0);
    document.title = `${count ? `(${count}) ` : ""}${app.dataset.heading} · ${app.dataset.name}`;
  }

  document.body.addEventListener("htmx:afterSettle", (event) => {
    const part = event.detail.target ?? event.target;
    if (part.id === "sidebar") { titled(); if (unread() && lists.get($("#scroller"))?.end) seen(); }
    if (part.id === "modals") showModal();
    if (part.id === "thread") { follow($("#thread .scroller")); furnish(part); $("#answer")?.focus({ preventScroll: narrow.matches }); }
    const scroller = part.closest?.(".scroller");
    const state = scroller && lists.get(scroller);
    if (!state) return;
    if (state.stays()) {
      state.toEnd();
      state.last = newest(scroller);
      if (scroller.id === "scroller") seen();
    } else if (scroller.id === "scroller" && newest(scroller) > state.last) {
      if (pill) pill.hidden = false;
    }
  });

  // Toasts, and what the server says about fields.
  function toast(text) {
    const note = document.createElement("div");
    note.className = "toast";
    note.textContent = text;
    $("#toasts").append(note);
    if (document.querySelector("dialog:modal")) note.popover = "manual", note.showPopover();
    setTimeout(() => note.remove(), 7000);
  }
  document.body.addEventListener("toast", (event) => toast(event.detail.value));
  document.body.addEventListener("htmx:sendError", (event) => {
    if (event.detail.requestConfig?.triggeringEvent?.type.startsWith("sse:")) return; // nobody asked: the banner says it
    toast("The workspace can't be reached. Is Muster still running?");
  });
  document.body.addEventListener("problems", (event) => {
    const form = $("#modals form");
    if (!form) return;
    const problems = event.detail.value ?? event.detail;
    for (const field of $$(".input", form)) {
      const text = problems[field.dataset.block] ?? "";
      $(".problem", field).textContent = text;
      const control = field.role === "group" ? field : $("input, textarea, select", field);
      if (text) control.setAttribute("aria-invalid", "true"); else control.removeAttribute("aria-invalid");
    }
    const first = $("[aria-invalid]", form);
    (first?.role === "group" ? $("input", first) : first)?.focus();
  });
  document.body.addEventListener("htmx:sseError", () => { $("#offline").hidden = false; });
  document.body.addEventListener("htmx:sseOpen", () => { $("#offline").hidden = true; });

  // Modals
  let pressed = null;
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const by = event.detail.elt;
    if (by.id && !by.closest("#modals") && (by.matches("button, select"))) pressed = by.id;
  });
  let shown = false;
  function showModal() {
    const dialog = $("#modals dialog");
    if (!dialog) {
      const back = (shown && document.getElementById(pressed)) || (shown && $("#say"));
      if (back) back.focus({ preventScroll: true });
      shown = false;
      return;
    }
    if (dialog.open) return;
    shown = true;
    dialog.showModal();
    $("[autofocus], .field, select, [type=radio], [type=checkbox]", dialog)?.focus();
  }
  function closeModal(dialog) {
    htmx.ajax("POST", dialog.dataset.close, { source: dialog, swap: "none" });
  }
  document.addEventListener("cancel", (event) => {
    if (!event.target.dataset?.close) return;
    event.preventDefault();
    closeModal(event.target);
  }, true);

  // Asking first, in the app's words
  document.body.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    const asked = JSON.parse(event.target.dataset.confirm ?? event.detail.elt.dataset.confirm);
    const dialog = $("#confirm");
    $("#confirm-title").textContent = asked.title;
    $("#confirm-text").textContent = asked.text;
    $("#confirm-no").textContent = asked.deny;
    $("#confirm-yes").textContent = asked.confirm;
    $("#confirm-yes").className = `button ${asked.style || "primary"}`;
    dialog.returnValue = "no";
    dialog.onclose = () => {
      if (dialog.returnValue === "yes") event.detail.issueRequest(true);
      else if (event.detail.elt.tagName === "SELECT") event.detail.elt.selectedIndex = 0;
    };
    dialog.showModal();
  });

  // Menus stand beside what opens them.
  document.addEventListener("beforetoggle", (event) => {
    const menu = event.target;
    if (!menu.dataset?.beside || event.newState !== "open") return;
    requestAnimationFrame(() => {
      const at = document.getElementById(menu.dataset.beside).getBoundingClientRect();
      const [width, height] = [menu.offsetWidth, menu.offsetHeight];
      const below = at.bottom + 4 + height <= innerHeight - 8;
      menu.style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - height - 4)}px`;
      const left = at.left + width <= innerWidth - 8 ? at.left : at.right - width;
      menu.style.left = `${Math.min(Math.max(8, left), innerWidth - width - 8)}px`;
      menu.classList.add("placed");
      $("[role=menuitem]", menu)?.focus({ preventScroll: true });
    });
  }, true);
  document.addEventListener("toggle", (event) => {
    if (event.target.dataset?.beside && event.newState === "closed") event.target.classList.remove("placed");
  }, true);
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.(".menu");
    if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
    const items = $$("[role=menuitem]", menu).filter((one) => one.offsetParent);
    const now = items.indexOf(document.activeElement);
    const to = { ArrowDown: now + 1, ArrowUp: now - 1 + (now < 1 ? items.length : 0), Home: 0, End: items.length - 1 };
    event.preventDefault();
    items[to[event.key] % items.length]?.focus();
  });

  // Clicks
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    const menu = at(".menu");
    if (menu && at("[role=menuitem]")) menu.hidePopover();
    const plainClick = !(event.metaKey || event.ctrlKey || event.shiftKey);
    let found;
    if ((found = at("[data-thread]")) && plainClick) { event.preventDefault(); openThread(found.dataset.thread); }
    else if ((found = at("[data-close-thread]")) && plainClick) { event.preventDefault(); closeThread(); }
    else if ((found = at("[data-large]"))) { event.preventDefault(); enlarge(found); }
    else if (at("[data-cancel]")) closeModal(at("dialog"));
    else if (event.target.id === "large") event.target.close();
    else if ((found = at("[data-edit]"))) edit(found);
    else if ((found = at("a[data-press]"))) {
      htmx.ajax("POST", found.dataset.press, { source: found, swap: "none", values: { action_id: found.dataset.action } });
    } else if ((found = at('a[href^="#m-"]'))) { event.preventDefault(); jump(found.getAttribute("href")); }
  });
  function enlarge(link) {
    const dialog = $("#large");
    const image = $("img", dialog);
    image.src = link.href;
    image.alt = link.dataset.large;
    $("figcaption", dialog).textContent = link.dataset.large;
    dialog.showModal();
  }
  function jump(to) {
    const message = $(to);
    if (!message) { toast("This message is further up. Show earlier messages first."); return; }
    message.scrollIntoView({ block: "center" });
    message.classList.remove("found");
    requestAnimationFrame(() => message.classList.add("found"));
  }

  // Threads
  function openThread(ts) {
    htmx.ajax("GET", `${here}/part/thread?thread=${ts}`, { target: "#thread", swap: "innerHTML" })
      .then(() => history.replaceState(null, "", `${here}?thread=${ts}`));
  }
  function closeThread() {
    $("#thread").replaceChildren();
    history.replaceState(null, "", here);
    ($("#say") && !narrow.matches) && $("#say").focus();
    if (lists.get($("#scroller"))?.end) seen();
  }

  // Editing one's own message where it stands
  function edit(button) {
    const message = button.closest(".message");
    if ($("[data-typing]", message)) return;
    const form = document.createElement("form");
    form.className = "editing";
    form.dataset.typing = "1";
    const area = document.createElement("textarea");
    area.name = "text";
    area.className = "field";
    area.setAttribute("aria-label", "Edit message");
    area.value = button.dataset.raw;
    const row = document.createElement("div");
    for (const [text, kind] of [["Cancel", "button"], ["Save", "submit"]]) {
      const one = document.createElement("button");
      one.type = kind;
      one.className = `button${kind === "submit" ? " primary" : ""}`;
      one.textContent = text;
      row.append(one);
    }
    form.append(area, row);
    const done = () => { form.remove(); delete message.dataset.editing; message.classList.remove("being-edited"); };
    row.firstChild.addEventListener("click", done);
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") done();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      htmx.ajax("POST", button.dataset.edit, { source: form, swap: "none", values: { text: area.value } });
    });
    form.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) done(); });
    message.dataset.editing = "1";
    message.classList.add("being-edited");
    $(".body", message).append(form);
    grow(area);
    area.focus();
  }

  // Composers
  function grow(area) {
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight + 2, 240)}px`;
  }
  function furnish(root) { for (const form of $$(".composer", root)) composer(form); }
  function composer(form) {
    const area = $("textarea", form);
    const list = $(".options", form);
    const key = `draft:${form.dataset.draft}`;
    const commands = JSON.parse(form.dataset.commands ?? "[]");
    const people = JSON.parse(form.dataset.people ?? "[]");
    let options = [];
    let chosen = 0;
    let sent = "";
    area.value = sessionStorage.getItem(key) ?? "";
    grow(area);
    const changed = () => { sessionStorage.setItem(key, area.value); grow(area); suggest(); };
    area.addEventListener("input", changed);
    area.addEventListener("blur", () => setTimeout(() => show([]), 150));
    area.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (options.length) {
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
          event.preventDefault();
          mark((chosen + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length);
          return;
        }
        const partial = options[chosen]?.text.trim() !== area.value.trim();
        if (event.key === "Tab" || (event.key === "Enter" && partial)) { event.preventDefault(); take(chosen); return; }
        if (event.key === "Escape") { event.stopPropagation(); show([]); return; }
      }
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        if (area.value.trim()) form.requestSubmit();
      }
    });
    form.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.elt === form) { sent = area.value; show([]); } });
    form.addEventListener("htmx:afterRequest", (event) => {
      if (event.detail.elt !== form || !event.detail.successful) return;
      if (area.value.startsWith(sent)) area.value = area.value.slice(sent.length);
      changed();
      const state = lists.get(form.closest("main, .pane")?.querySelector(".scroller"));
      if (state) Object.assign(state, { end: true, top: 0 });
    });

    function suggest() {
      const upTo = area.value.slice(0, area.selectionStart);
      if (upTo.startsWith("/") && !upTo.includes("\n")) {
        const typed = upTo.toLowerCase();
        const starts = commands.filter(([name]) => name.toLowerCase().startsWith(typed.trimEnd()) && name.length >= typed.trimEnd().length);
        if (starts.length) {
          show(starts.slice(0, 24).map(([name, hint, summary]) => ({ text: `${name} `, name, hint, summary })));
          return;
        }
      }
      const at = /(^|\s)@([\w.-]*)$/.exec(upTo);
      if (!at) { show([]); return; }
      const word = at[2].toLowerCase();
      const found = people.filter(([name, real]) => name.startsWith(word) || real.toLowerCase().startsWith(word));
      const start = upTo.slice(0, upTo.length - at[2].length - 1);
      const rest = area.value.slice(area.selectionStart);
      show(found.slice(0, 8).map(([name, real]) => ({ text: `${start}@${name} ${rest}`, name: `@${name}`, hint: "", summary: real })));
    }
    function show(found) {
      options = found;
      list.replaceChildren(...found.map((one, number) => {
        const item = document.createElement("li");
        item.id = `${area.id}-option-${number}`;
        item.setAttribute("role", "option");
        for (const [tag, text] of [["b", one.name], ["code", one.hint], ["span", one.summary]]) {
          if (!text) continue;
          const part = document.createElement(tag);
          part.textContent = text;
          item.append(part);
        }
        item.addEventListener("mousedown", (event) => { event.preventDefault(); take(number); });
        return item;
      }));
      list.hidden = !found.length;
      area.setAttribute("aria-expanded", String(!list.hidden));
      if (found.length) mark(0); else area.removeAttribute("aria-activedescendant");
    }
    function mark(number) {
      chosen = number;
      [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === number)));
      area.setAttribute("aria-activedescendant", list.children[number].id);
      list.children[number].scrollIntoView({ block: "nearest" });
    }
    function take(number) {
      area.value = options[number].text;
      area.focus();
      show([]);
      sessionStorage.setItem(key, area.value);
      grow(area);
    }
  }

  document.addEventListener("DOMContentLoaded", start);
  function start() {
    furnish(document);
    follow($("#scroller"), location.hash ? $(location.hash) : $("#fresh"));
    follow($("#thread .scroller"));
    showModal();
    titled();
    if (lists.get($("#scroller"))?.end) seen();
    if (!narrow.matches) ($("#answer") ?? $("#say"))?.focus({ preventScroll: true });
  }
})();
