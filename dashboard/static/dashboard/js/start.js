// The first steps: samples get a button to copy them.

import { make } from "./panels.js";

for (const text of document.querySelectorAll(".sample pre, [data-token]")) {
  const button = make("button", "copy", "Copy");
  button.type = "button";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  text.before(button);
}
