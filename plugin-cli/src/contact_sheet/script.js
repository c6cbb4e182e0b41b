const stages = document.querySelectorAll(".stage");
const cut = (stage, percent) => stage.style.setProperty("--cut", percent + "%");
for (const stage of stages) {
  const slider = stage.querySelector("input");
  slider?.addEventListener("input", () => cut(stage, slider.value));
  const button = stage.querySelector(".repeat");
  button?.addEventListener("click", () => {
    const repeated = stage.querySelector(".repeated");
    const shown = repeated.hidden;
    const picture = stage.querySelector("img.after, img.only");
    repeated.style.backgroundImage = shown ? `url("${picture.src}")` : "";
    repeated.style.backgroundRepeat = repeated.dataset.repeat;
    repeated.hidden = !shown;
    button.setAttribute("aria-pressed", String(shown));
  });
}
document.getElementById("all").addEventListener("input", (event) => {
  for (const stage of stages) {
    const slider = stage.querySelector("input");
    if (slider) {
      slider.value = 100 - event.target.value;
      cut(stage, slider.value);
    }
  }
});
document.getElementById("find").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  let any = false;
  for (const card of document.querySelectorAll(".card")) {
    card.hidden = !card.dataset.search.includes(wanted);
    any ||= !card.hidden;
  }
  document.querySelector(".none").hidden = any;
});
