// A range is typed in the clock of the page and sent in UTC.
const form = document.querySelector("[data-range]");
const fields = form?.querySelectorAll(".field input");
let local = false;
const turned = (text, to) => {
  const [, day, time = "00:00"] = /^(\S{10})(?: ([\d:]+))?$/.exec(text) ?? [];
  const at = new Date(`${day}T${time}${to ? "Z" : ""}`);
  if (local === to || isNaN(at)) return text;
  return new Date(at - to * at.getTimezoneOffset() * 6e4).toJSON().slice(0, 19).replace("T", " ");
};
const show = () => {
  const to = document.documentElement.dataset.clock === "local";
  for (const field of fields) field.value = turned(field.value, to);
  local = to;
  form.querySelector("b").textContent = to ? "local time" : "UTC";
};
if (form) {
  show();
  document.addEventListener("ata:pref", show);
  form.addEventListener("formdata", ({ formData }) => {
    for (const { name, value } of fields) formData.set(name, turned(value, false));
  });
}
