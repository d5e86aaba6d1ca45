// A field that belongs to one choice selects the radio button of that choice when it is used.
for (const kind of ["input", "change"]) {
  document.addEventListener(kind, (event) => {
    const field = event.target;
    const radio = document.getElementById(field.dataset?.picks || "");
    if (radio && (field.type === "checkbox" ? field.checked : field.value)) radio.checked = true;
  });
}
