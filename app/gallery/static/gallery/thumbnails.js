// Puts thumbnails in the place of their placeholders, once they are made. Without this script the page reloads itself.
"use strict";

const waiting = () => [...document.querySelectorAll("[data-waiting]")];

async function look(pause) {
  let page = null;
  try {
    const response = await fetch(window.location.href);
    if (response.ok) {
      page = new DOMParser().parseFromString(await response.text(), "text/html");
    }
  } catch {
    // the next look may find the site again
  }
  for (const item of page ? waiting() : []) {
    const link = item.querySelector("a").getAttribute("href");
    const found = page.querySelector(`.grid a[href="${link}"]`)?.closest("li");
    if (found && !("waiting" in found.dataset)) {
      item.replaceWith(document.importNode(found, true));
    }
  }
  if (waiting().length > 0 && pause < 60000) {
    setTimeout(look, pause, pause * 1.5);
  }
}

setTimeout(look, 700, 1000);
