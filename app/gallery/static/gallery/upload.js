// Shows the progress of an upload. Without this script the browser submits the form.
"use strict";

const form = document.getElementById("upload");
const [button, progress, bar, label, problem] = [
  form.querySelector("button"),
  ...["progress", "bar", "progress-label", "problem"].map((id) => document.getElementById(id)),
];

function fail(text) {
  problem.textContent = text;
  problem.hidden = false;
  progress.hidden = true;
  button.disabled = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  problem.hidden = true;
  const { files, dataset } = form.elements.image;
  if (files[0]?.size > dataset.maxBytes) {
    fail(`This file is larger than ${Math.floor(dataset.maxBytes / 2 ** 20)} MB.`);
    return;
  }
  progress.hidden = false;
  button.disabled = true;
  bar.value = 0;
  label.textContent = "Uploading";

  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";

  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = (100 * loaded) / total;
    label.textContent = loaded < total ? `Uploading, ${Math.floor(bar.value)} %` : "Checking the picture";
  });
  request.addEventListener("load", () => {
    const { url, errors } = request.response ?? {};
    if (request.status < 300 && url) {
      window.location.assign(url);
    } else if (errors) {
      fail(Object.values(errors).flat().join(" "));
    } else if (request.status === 413) {
      fail("This file is too large.");
    } else if (request.status === 408) {
      fail("The upload stopped before it was complete. Please try again, perhaps over a better connection.");
    } else if (request.status === 403 || request.status < 300) {
      fail("You are not logged in any more. Log in, then try again.");
    } else {
      fail("The gallery can't accept pictures at the moment. Please try again in a few seconds.");
    }
  });
  request.addEventListener("error", () => fail("The connection was lost. Please try again."));
  request.send(new FormData(form));
});
