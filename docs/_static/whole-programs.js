// Has the copy button of a block copy the whole program that the build has put below it.
document.addEventListener("click", (event) => {
  const button = event.target.closest(".copybtn");
  const block = button?.closest("div[class*='highlight-']");
  const program = block?.nextElementSibling?.dataset.program;
  if (program === undefined) return;
  let copied = document.getElementById("whole-program");
  if (!copied) {
    copied = document.body.appendChild(document.createElement("pre"));
    copied.id = "whole-program";
    copied.hidden = true;
  }
  copied.textContent = program;
  button.dataset.clipboardTarget = "#whole-program";
}, true); // before the button's own listener
